# Finds files of more than 600 lines and functions of more than 80. A function begins at column 1 on a line that leads to one ending in
# ") {" and ends with "}" at column 1, which is how clang-format writes it.
function file_done() {
  if (lines > 600) complain(previous, 1, "the file has " lines " lines, more than 600")
}
function complain(file, line, text) {
  printf "%s:%d: %s\n", file, line, text
  faults++
}
FNR == 1 {
  file_done()
  previous = FILENAME
  start = inside = 0
}
{ lines = FNR }
FILENAME !~ /\.([ch]|cuh?)$/ { next }
!inside && /^[A-Za-z_]/ && !/;[ \t]*$/ { start = FNR }
!inside && start && /\) \{$/ { inside = 1 }
/^}/ {
  if (inside && FNR - start + 1 > 80) complain(FILENAME, start, "the function has " (FNR - start + 1) " lines, more than 80")
  start = inside = 0
}
END {
  file_done()
  exit faults > 0 || NR == 0
}
