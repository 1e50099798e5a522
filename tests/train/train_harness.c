/* Whole runs inside a test. */
#include "train/train_harness.h"

#include <mpi.h>
#include <unistd.h>

#include "checkpoint/weights_source.h"
#include "core/hash.h"
#include "tests/harness/temporary_folder.h"

const char *train_source_path(char *text, size_t size, const char *name) {
  (void)snprintf(text, size, "%s/%s", FLR_SOURCE_DIR, name);
  return text;
}

/* Calls take(context, name, value) for each of FLR_TEST_OPTIONS: the same tests on another backend. */
static void each_test_option(void (*take)(void *context, const char *name, const char *value), void *context) {
  const char *wanted = getenv("FLR_TEST_OPTIONS");
  char text[256], *rest = NULL;
  (void)snprintf(text, sizeof text, "%s", wanted ? wanted : "");
  for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
    char *value = strchr(word, '=');
    assert_non_null(value);
    *value = '\0';
    take(context, word, value + 1);
  }
}

static void set_option(void *context, const char *name, const char *value) { CHECK_OK(flr_config_set(context, name, value)); }

static void append_option(void *context, const char *name, const char *value) {
  strcat(strcat(strcat(strcat(context, " --"), name), " "), value);
}

void train_test_arguments(char *command, size_t size) {
  const char *wanted = getenv("FLR_TEST_OPTIONS");
  assert_true(strlen(command) + 2 * strlen(wanted ? wanted : "") + 64 < size);
  each_test_option(append_option, command);
}

void train_config(flr_config *out, const char *const *pairs) {
  CHECK_OK(flr_config_init(out));
  CHECK_OK(flr_config_set(out, "comm-algorithm", "shared"));
  for (; pairs[0]; pairs += 2) CHECK_OK(flr_config_set(out, pairs[0], pairs[1]));
  each_test_option(set_option, out);
  CHECK_OK(flr_config_check(out));
}

int train_rank(void) {
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

int train_size(void) {
  int size;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return size;
}

void train_barrier(void) { MPI_Barrier(MPI_COMM_WORLD); }

void train_broadcast(void *data, int bytes) { MPI_Bcast(data, bytes, MPI_BYTE, 0, MPI_COMM_WORLD); }

const char *train_directory(char *text, size_t size, const char *name) {
  long long pid = getpid();
  MPI_Bcast(&pid, 1, MPI_LONG_LONG, 0, MPI_COMM_WORLD);
  (void)snprintf(text, size, "%s/flr-%s-%lld", temporary_parent(), name, pid);
  return text;
}

void train_remove(const char *directory) {
  char command[1200];
  if (train_rank() != 0) return;
  (void)snprintf(command, sizeof command, "rm -rf '%s'", directory);
  if (system(command) != 0) fail_msg("cannot remove %s", directory);
}

static char *read_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  fseek(file, 0, SEEK_END);
  const long length = ftell(file);
  rewind(file);
  char *text = calloc((size_t)length + 1, 1);
  if (fread(text, 1, (size_t)length, file) != (size_t)length) text[0] = '\0';
  fclose(file);
  return text;
}

void train_fit(const char *directory, const char *const *pairs) {
  flr_config config;
  flr_session *session;
  flr_fit_result result;
  train_config(&config, pairs);
  CHECK_OK(flr_config_set(&config, "plot", "none"));
  CHECK_OK(flr_config_set(&config, "log-every", "1"));
  CHECK_OK(flr_config_set(&config, "out", directory));
  CHECK_OK(flr_session_create(&session, &config, NULL, NULL));
  const flr_status status = flr_session_fit(session, &result);
  flr_session_destroy(session);
  flr_config_clear(&config);
  CHECK_OK(status);
  train_barrier();
}

cJSON *train_events(const char *directory, const char *event) {
  char path[1200];
  (void)snprintf(path, sizeof path, "%s/metrics.jsonl", directory);
  char *text = read_file(path), *rest = NULL;
  if (!text) return NULL;
  cJSON *array = cJSON_CreateArray();
  for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    cJSON *object = cJSON_Parse(line);
    if (!object) fail_msg("not JSON: %s", line);
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(object, "event"));
    if (name && strcmp(name, event) == 0)
      cJSON_AddItemToArray(array, object);
    else
      cJSON_Delete(object);
  }
  free(text);
  return array;
}

double train_number(const cJSON *array, int i, const char *name) {
  const cJSON *item = cJSON_GetObjectItem(cJSON_GetArrayItem(array, i), name);
  return cJSON_IsNumber(item) ? cJSON_GetNumberValue(item) : NAN;
}

uint64_t train_hash_weights(const char *directory) {
  char path[1200];
  flr_weights_source source;
  uint64_t hash = FLR_HASH_START;
  (void)snprintf(path, sizeof path, "%s/final.h5", directory);
  if (flr_weights_source_open(&source, path) != FLR_OK) hash = 0;
  for (int64_t i = 0; hash && i < source.count; i++) {
    float *values = calloc((size_t)source.tensors[i].elements, sizeof *values);
    CHECK_OK(source.read(&source, &source.tensors[i], values));
    hash = flr_hash(hash, values, (size_t)source.tensors[i].elements * sizeof *values);
    free(values);
  }
  flr_weights_source_close(&source);
  return hash;
}

float *train_tensor(const char *path, const char *name, int64_t *count) {
  flr_weights_source source;
  CHECK_OK(flr_weights_source_open(&source, path));
  const flr_weights_tensor *tensor = flr_weights_source_find(&source, name);
  if (!tensor) fail_msg("%s has no %s", path, name);
  float *values = calloc((size_t)tensor->elements, sizeof *values);
  CHECK_OK(source.read(&source, tensor, values));
  *count = tensor->elements;
  flr_weights_source_close(&source);
  return values;
}

int train_same_tensor(const char *a, const char *b, const char *name) {
  char x[1200], y[1200];
  (void)snprintf(x, sizeof x, "%s/final.h5", a);
  (void)snprintf(y, sizeof y, "%s/final.h5", b);
  return train_same_in_files(x, y, name);
}

int train_same_in_files(const char *a, const char *b, const char *name) {
  int64_t n, m;
  float *x = train_tensor(a, name, &n), *y = train_tensor(b, name, &m);
  const int equal = n == m && memcmp(x, y, (size_t)n * sizeof *x) == 0;
  free(x);
  free(y);
  return equal;
}

int train_main(int argc, char **argv, const struct CMUnitTest *tests, size_t count) {
  int provided;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
  if (train_rank() != 0) cmocka_set_message_output(CM_OUTPUT_SUBUNIT);
  int failed = _cmocka_run_group_tests(argv[0], tests, count, NULL, NULL);
  MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  MPI_Finalize();
  return failed != 0;
}
