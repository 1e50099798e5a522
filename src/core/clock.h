/* Time that never goes backwards. */
#ifndef FLR_CORE_CLOCK_H
#define FLR_CORE_CLOCK_H

/* Seconds since an arbitrary start, monotonic, at least microsecond steps. Not collective; callable from any thread. */
double flr_clock_seconds(void);

#endif
