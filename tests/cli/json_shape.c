/* Reads JSON from standard input and prints the path and type of everything in it, once each: what fields a document has.
 * json_shape: one document; json_shape lines: one document a line. Exit code 1 when it is no JSON, or when a number is not
 * written with 17 significant digits ("%.17g" of its value). */
#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 22, SEEN = 512, PATH = 512 };

static char seen[SEEN][PATH];
static int seen_count;

static void note(const char *path, const char *type) {
  char entry[PATH];
  (void)snprintf(entry, sizeof entry, "%.400s %s", path[0] ? path : ".", type);
  for (int i = 0; i < seen_count; i++)
    if (strcmp(seen[i], entry) == 0) return;
  if (seen_count == SEEN) exit(1);
  strcpy(seen[seen_count++], entry);
  puts(entry);
}

static void walk(const cJSON *item, const char *path) {
  char below[PATH];
  const cJSON *child;
  if (cJSON_IsString(item)) note(path, "string");
  if (cJSON_IsNumber(item)) note(path, "number");
  if (cJSON_IsBool(item)) note(path, "bool");
  if (cJSON_IsNull(item)) note(path, "null");
  if ((cJSON_IsObject(item) || cJSON_IsArray(item)) && !item->child) note(path, "empty");
  cJSON_ArrayForEach(child, item) {
    (void)snprintf(below, sizeof below, "%.400s%s%.100s", path, child->string ? "." : "[]", child->string ? child->string : "");
    walk(child, below);
  }
}

/* Every number outside strings; returns 0 at the first that "%.17g" would write otherwise. */
static int check_digits(const char *text) {
  for (const char *c = text; *c;) {
    if (*c == '"') {
      for (c++; *c && *c != '"'; c++) c += *c == '\\' && c[1];
      c += *c == '"';
    } else if (strchr("-0123456789", *c)) {
      char *end, wanted[40];
      const double value = strtod(c, &end);
      (void)snprintf(wanted, sizeof wanted, "%.17g", value);
      if (strlen(wanted) != (size_t)(end - c) || strncmp(wanted, c, strlen(wanted)) != 0) {
        fprintf(stderr, "%.*s is not %s\n", (int)(end - c), c, wanted);
        return 0;
      }
      c = end;
    } else {
      c++;
    }
  }
  return 1;
}

static int check(const char *text) {
  const char *end = NULL;
  cJSON *document = cJSON_ParseWithOpts(text, &end, 1);
  const int good = document != NULL && check_digits(text);
  if (!document) fprintf(stderr, "no JSON: %.200s\n", text);
  if (good) walk(document, "");
  cJSON_Delete(document);
  return good;
}

int main(int argc, char **argv) {
  char *text = calloc(MOST, 1), *rest = text;
  const size_t bytes = fread(text, 1, MOST - 1, stdin);
  int good = bytes > 0 && bytes < MOST - 1;
  if (argc < 2 || strcmp(argv[1], "lines") != 0) {
    good = good && check(text);
  } else {
    for (char *line; good && (line = strsep(&rest, "\n")) && *line;) good = check(line);
    good = good && (!rest || !*rest); /* the last line is ended, and nothing follows an empty one */
  }
  free(text);
  return good ? 0 : 1;
}
