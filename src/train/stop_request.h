/* The wish to stop, as a signal handler may state it (fastlr.h: flr_request_stop). */
#ifndef FLR_TRAIN_STOP_REQUEST_H
#define FLR_TRAIN_STOP_REQUEST_H

/* 1: this process was asked to stop. */
int flr_stop_is_requested(void);

/* The wish is fulfilled: a later session of this process may run. */
void flr_stop_forget(void);

#endif
