/* What every function that can fail returns, and the thread-local message that goes with it. */
#ifndef FLR_CORE_STATUS_H
#define FLR_CORE_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* name, value, text. The values are the exit codes of the program (README.md); 0 is success. */
#define FLR_STATUS_LIST(X)                                              \
  X(FLR_OK, 0, "done")                                                  \
  X(FLR_ERROR_DIVERGED, 3, "training diverged")                         \
  X(FLR_ERROR_USAGE, 64, "wrong usage")                                 \
  X(FLR_ERROR_DATA, 65, "bad data")                                     \
  X(FLR_ERROR_NO_INPUT, 66, "no input")                                 \
  X(FLR_ERROR_UNAVAILABLE, 69, "a needed device or library is missing") \
  X(FLR_ERROR_INTERNAL, 70, "internal error")                           \
  X(FLR_ERROR_IO, 74, "input or output failed")                         \
  X(FLR_STOPPED, 75, "stopped early with a good checkpoint")            \
  X(FLR_ERROR_PEER, 76, "another rank failed or fell silent")

typedef enum flr_status {
#define FLR_STATUS_ENUM(name, value, text) name = value,
  FLR_STATUS_LIST(FLR_STATUS_ENUM)
#undef FLR_STATUS_ENUM
} flr_status;

/* The short text of a code, never NULL. Not collective. */
const char *flr_status_text(flr_status status);

/* Records a message for this thread (printf rules; cut at 1023 bytes) and returns `status`, so that
   `return flr_fail(FLR_ERROR_DATA, "...")` is the whole error path. The message says what, where and what to do.
   Not collective. */
flr_status flr_fail(flr_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The message of this thread's last flr_fail, "" when there was none. Valid until the next flr_fail of this thread. */
const char *flr_status_message(void);

/* Replaces this thread's message, for handing a message from one thread or rank to another. NULL clears it. */
void flr_status_set_message(const char *message);

/* Returns from the calling function when `call` fails. */
#define FLR_TRY(call)                        \
  do {                                       \
    const flr_status flr_try_ = (call);      \
    if (flr_try_ != FLR_OK) return flr_try_; \
  } while (0)

/* Stores the status and jumps to the clean-up label when `call` fails. */
#define FLR_TRY_GOTO(status, call, label) \
  do {                                    \
    (status) = (call);                    \
    if ((status) != FLR_OK) goto label;   \
  } while (0)

#ifdef __cplusplus
}
#endif
#endif
