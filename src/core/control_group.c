/* Walking /sys/fs/cgroup. */
#include "core/control_group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 4096 };

typedef struct walk {
  const char *root;
  flr_control_group_visit visit;
  void *context;
} walk;

/* The number that a text begins with, *rest behind it; -1: none. */
static int64_t number_at(const char *text, char **rest) {
  const long long value = strtoll(text, rest, 10);
  return *rest == text || value < 0 ? -1 : value;
}

int64_t flr_control_group_number(const char *folder, const char *name, int64_t *second) {
  char line[128] = "", path[3 * LINE_BYTES], *rest = line;
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "r");
  if (second) *second = -1;
  if (!file) return -1;
  const int64_t value = fgets(line, sizeof line, file) ? number_at(line, &rest) : -1;
  if (second && value >= 0) *second = number_at(rest, &rest);
  (void)fclose(file);
  return value;
}

/* The group and those above it. hierarchy: "" for version 2. group: changed. */
static void climb(const walk *w, const char *hierarchy, char *group) {
  char folder[2 * LINE_BYTES];
  for (;;) {
    (void)snprintf(folder, sizeof folder, "%s/sys/fs/cgroup%s%s", w->root, hierarchy, group);
    w->visit(w->context, folder, hierarchy[0] ? 1 : 2);
    char *slash = strrchr(group, '/');
    if (!slash) return;
    *slash = '\0';
  }
}

/* Whether a list as "cpu,cpuacct" has the name. */
static int lists(const char *list, const char *name) {
  const size_t length = strlen(name);
  for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
    if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0')) return 1;
  return 0;
}

void flr_control_groups_visit(const char *root, const char *controller, flr_control_group_visit visit, void *context) {
  const walk w = {.root = root, .visit = visit, .context = context};
  char line[LINE_BYTES] = "", path[LINE_BYTES], hierarchy[64];
  (void)snprintf(hierarchy, sizeof hierarchy, "/%s", controller);
  climb(&w, "", line); /* as a process in its own group sees them */
  climb(&w, hierarchy, line);
  (void)snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
  FILE *file = fopen(path, "r");
  if (!file) return;
  while (fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group) continue;
    *group++ = '\0';
    if (controllers[1] == '\0') climb(&w, "", group);
    if (lists(controllers + 1, controller)) climb(&w, hierarchy, group);
  }
  (void)fclose(file);
}
