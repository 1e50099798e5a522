/* Feeding a gnuplot and collecting its picture, never waiting for ever. */
#include "report/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/memory.h"

enum { PATH_ROOM = 4096, WORDS = 512, CHUNK = 65536, LARGEST_PICTURE = 64 << 20 };
static const double patience = 20;

/* A running child and our ends of its three streams, -1 when closed. */
typedef struct child {
  pid_t pid;
  int in, out, err;
  double deadline;
} child;

/* What came back so far. */
typedef struct answer {
  char *data;
  size_t bytes, room;
  char words[WORDS]; /* the beginning of standard error */
  size_t word_bytes;
} answer;

static int is_program(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

static int find_program(char path[PATH_ROOM]) {
  const char *rest = getenv("PATH");
  while (rest && *rest) {
    const size_t length = strcspn(rest, ":");
    const int wanted = snprintf(path, PATH_ROOM, "%.*s/gnuplot", (int)length, rest);
    if (length > 0 && wanted < PATH_ROOM && is_program(path)) return 1;
    rest += length + (rest[length] == ':');
  }
  return 0;
}

int flr_gnuplot_available(void) {
  char path[PATH_ROOM];
  return find_program(path);
}

static void close_end(int *end) {
  if (*end >= 0) close(*end);
  *end = -1;
}

/* A socket for the input: a write to a child that is gone is then an error, not a signal. */
static flr_status open_streams(int in[2], int out[2], int err[2]) {
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) == 0 && pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0)
    return FLR_OK;
  const int reason = errno;
  for (int i = 0; i < 2; ++i) {
    close_end(&in[i]);
    close_end(&out[i]);
    close_end(&err[i]);
  }
  return flr_fail(FLR_ERROR_IO, "cannot open pipes to gnuplot: %s", strerror(reason));
}

static int spawn(pid_t *pid, char *path, int in, int out, int err) {
  char *arguments[] = {path, (char[]){"-d"}, (char[]){"-"}, NULL};
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const int error = posix_spawn(pid, path, &actions, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

static flr_status start(child *c) {
  char path[PATH_ROOM];
  int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1};
  if (!find_program(path))
    return flr_fail(FLR_ERROR_UNAVAILABLE,
                    "there is no gnuplot in PATH: install it to get plots, or ask for none with --plot none");
  FLR_TRY(open_streams(in, out, err));
  const int error = spawn(&c->pid, path, in[1], out[1], err[1]);
  close(in[1]);
  close(out[1]);
  close(err[1]);
  c->in = in[0];
  c->out = out[0];
  c->err = err[0];
  c->deadline = flr_clock_seconds() + patience;
  if (error == 0) return FLR_OK;
  close_end(&c->in);
  close_end(&c->out);
  close_end(&c->err);
  return flr_fail(FLR_ERROR_UNAVAILABLE, "cannot run %s: %s", path, strerror(error));
}

static void feed(child *c, const char **script, size_t *left) {
  const ssize_t sent = send(c->in, *script, *left, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent > 0) {
    *script += sent;
    *left -= (size_t)sent;
  }
  const int broken = sent < 0 && errno != EAGAIN && errno != EINTR;
  if (*left == 0 || broken) close_end(&c->in); /* what went wrong, the child's words and exit tell */
}

static flr_status grow(answer *a) {
  if (a->room - a->bytes > CHUNK) return FLR_OK;
  if (a->room >= LARGEST_PICTURE) return flr_fail(FLR_ERROR_IO, "gnuplot wrote more than %d bytes", LARGEST_PICTURE);
  const size_t room = a->room ? 2 * a->room : 4 * CHUNK;
  char *larger = NULL;
  FLR_TRY(flr_alloc(&larger, (int64_t)room, 1));
  if (a->data) memcpy(larger, a->data, a->bytes);
  flr_free(a->data);
  a->data = larger;
  a->room = room;
  return FLR_OK;
}

static flr_status collect_picture(child *c, answer *a) {
  FLR_TRY(grow(a));
  const ssize_t got = read(c->out, a->data + a->bytes, CHUNK);
  if (got > 0) a->bytes += (size_t)got;
  if (got == 0 || (got < 0 && errno != EINTR)) close_end(&c->out);
  return FLR_OK;
}

static void collect_words(child *c, answer *a) {
  char text[WORDS];
  const ssize_t got = read(c->err, text, sizeof text);
  if (got == 0 || (got < 0 && errno != EINTR)) close_end(&c->err);
  for (ssize_t i = 0; i < got && a->word_bytes < WORDS - 1; ++i) {
    const char letter = text[i];
    const int blank = letter == '\n' || letter == ' ' || letter == '\t';
    if (blank && (a->word_bytes == 0 || a->words[a->word_bytes - 1] == ' ')) continue;
    a->words[a->word_bytes++] = blank ? ' ' : letter;
  }
}

/* Serves all three streams until the child has closed its two. */
static flr_status converse(child *c, answer *a, const char *script, size_t left) {
  while (c->out >= 0 || c->err >= 0) {
    struct pollfd ends[] = {{c->in, POLLOUT, 0}, {c->out, POLLIN, 0}, {c->err, POLLIN, 0}};
    const double seconds = c->deadline - flr_clock_seconds();
    if (seconds <= 0) return flr_fail(FLR_ERROR_IO, "gnuplot did not finish within %g seconds", patience);
    if (poll(ends, 3, (int)(seconds * 1000) + 1) < 0 && errno != EINTR)
      return flr_fail(FLR_ERROR_IO, "waiting for gnuplot: %s", strerror(errno));
    if (c->in >= 0 && ends[0].revents) feed(c, &script, &left);
    if (c->out >= 0 && ends[1].revents) FLR_TRY(collect_picture(c, a));
    if (c->err >= 0 && ends[2].revents) collect_words(c, a);
  }
  return FLR_OK;
}

/* Its streams are closed, so it is about to end or stuck; either way it is gone afterwards. */
static int wait_for_end(const child *c, int kill_now) {
  int code = 0;
  if (kill_now) kill(c->pid, SIGKILL);
  for (;;) {
    const pid_t got = waitpid(c->pid, &code, kill_now ? 0 : WNOHANG);
    if (got == c->pid) return code;
    if (got < 0 && errno != EINTR) return 0; /* the program around us collects its children itself */
    if (got == 0 && flr_clock_seconds() > c->deadline) {
      kill(c->pid, SIGKILL);
      kill_now = 1;
    } else if (got == 0) {
      (void)poll(NULL, 0, 2);
    }
  }
}

flr_status flr_gnuplot_run(char **out, size_t *bytes, const char *script, size_t script_bytes) {
  child c = {.in = -1, .out = -1, .err = -1};
  answer a = {0};
  FLR_TRY(start(&c));
  flr_status status = converse(&c, &a, script, script_bytes);
  close_end(&c.in);
  close_end(&c.out);
  close_end(&c.err);
  const int code = wait_for_end(&c, status != FLR_OK);
  if (status == FLR_OK && (code != 0 || a.bytes == 0))
    status = flr_fail(FLR_ERROR_IO, "gnuplot failed%s%s", a.word_bytes ? ": " : "", a.words);
  if (status != FLR_OK) {
    flr_free(a.data);
    return status;
  }
  a.data[a.bytes] = '\0'; /* grow keeps room for it */
  *out = a.data;
  *bytes = a.bytes;
  return FLR_OK;
}
