/* INI text: what a line may be, and what comes of it. */
#include "harness/harness.h"

#include "core/ini.h"

/* The pairs of `text` as "name=value;", a line that is none as "!LINE". */
static const char *read_all(char *out, const char *text) {
  char *copy = strdup(text), *cursor = copy;
  const char *name, *value;
  int line = 0;
  out[0] = '\0';
  for (int taken; (taken = flr_ini_next(&cursor, &line, &name, &value)) != 0;) {
    if (taken < 0) {
      sprintf(out + strlen(out), "!%d", line);
      break;
    }
    sprintf(out + strlen(out), "%s=%s;", name, value);
  }
  free(copy);
  return out;
}

static void test_ini__lines_are_pairs_comments_sections_or_wrong(void **state) {
  (void)state;
  static const struct {
    const char *text, *wanted;
  } cases[] = {
      {"", ""},
      {"a = 1", "a=1;"},
      {"a=1\nb=2\n", "a=1;b=2;"},
      {"  a\t=  1 2  \r\n\r\nb=\n", "a=1 2;b=;"},
      {"\xef\xbb\xbf"
       "a=1\n",
       "a=1;"},
      {"; x = 1\n# y = 2\n[run]\n  [more] ; said\na=1 ; said\nb=x;y\n", "a=1;b=x;y;"},
      {"a = ; nothing\n", "a=;"},
      {"a = b = c\n", "a=b = c;"},
      {"a=1\nword\nb=2\n", "a=1;!2"},
      {"\n\n= 1\n", "!3"},
      {"[run\n", "!1"},
      {"a = \"x ; y\"\nb = \" \" ; said\n", "a=x ; y;b= ;"},
      {"a = \"\\\\ \\\" \\x\"\n", "a=\\ \" \\x;"},
      {"a = \"open\nb = \"one\" two\nc = x\"y\"\n", "a=\"open;b=\"one\" two;c=x\"y\";"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char found[256];
    assert_string_equal(read_all(found, cases[i].text), cases[i].wanted);
  }
}

static void test_ini__values_may_have_any_length(void **state) {
  (void)state;
  enum { LENGTH = 100000 };
  char *text = calloc(LENGTH + 16, 1), *cursor = text;
  const char *name, *value;
  int line = 0;
  strcpy(text, "data = ");
  memset(text + 7, 'x', LENGTH);
  assert_int_equal(flr_ini_next(&cursor, &line, &name, &value), 1);
  assert_string_equal(name, "data");
  assert_int_equal(strlen(value), LENGTH);
  assert_int_equal(flr_ini_next(&cursor, &line, &name, &value), 0);
  free(text);
}

static void test_ini__values_come_back_as_they_were(void **state) {
  (void)state;
  static const char *const values[] = {"",          "plain", "a b;c", "we ; ird #1.h5", " lead", "trail\t",      ";",
                                       "\"",        "a\"b",  "\"a\"", "back\\slash",    "\\",    "two\nlines\r", " \\n \" ",
                                       "\xc3\xbc b"};
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    char line[64] = "name = ", found[80], wanted[80];
    flr_ini_write_value(line + strlen(line), values[i]);
    sprintf(wanted, "name=%s;", values[i]);
    assert_string_equal(read_all(found, line), wanted);
    assert_null(strchr(line, '\n'));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ini__lines_are_pairs_comments_sections_or_wrong),
      cmocka_unit_test(test_ini__values_may_have_any_length),
      cmocka_unit_test(test_ini__values_come_back_as_they_were),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
