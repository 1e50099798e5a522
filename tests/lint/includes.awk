# Checks #include lines against rooms.txt, which is the first file read. Paths are relative to the tree.

# The longest room that begins the path, "" for none.
function room_of(path,   r, best) {
  best = ""
  for (r in rooms) if (index(path, r) == 1 && length(r) > length(best) && begins(path, r)) best = r
  return best
}
# core is a room of core/log.c and not of corex/log.c; datasets/h5_ is one of datasets/h5_rows.c.
function begins(path, r) { return index(r, "/") || length(path) == length(r) || substr(path, length(r) + 1, 1) == "/" }

function allows(list, room,   n, i, names) {
  n = split(list, names, " ")
  for (i = 1; i <= n; i++) if (names[i] == room) return 1
  return 0
}
# core/status.h is a header of core, so whoever may include core may include it.
function may_include(from, to,   i, shorter) {
  if (from == to || allows(rooms[from], to)) return 1
  for (shorter = to; i = match(shorter, /\/[^\/]*$/);) {
    shorter = substr(shorter, 1, i - 1)
    if ((to ~ /\.h$/) && (shorter == from || allows(rooms[from], shorter))) return 1
  }
  return 0
}
function complain(text) {
  printf "%s:%d: %s\n", FILENAME, FNR, text
  faults++
}

FNR == NR {
  sub(/#.*/, "")
  if ($0 !~ /:/) next
  name = list = $0
  sub(/:.*/, "", name)
  sub(/^[^:]*: */, "", list)
  if (name ~ /^</) foreign[substr(name, 2, length(name) - 2)] = list
  else rooms[name] = list
  next
}

FNR == 1 {
  files++
  path = FILENAME
  sub(/^\.\//, "", path)
  sub(/^src\//, "", path)
  here = room_of(path)
  if (here == "") complain("this file is in no room of rooms.txt")
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
  split($0, parts, "\"")
  there = room_of(parts[2])
  if (there == "") complain("\"" parts[2] "\" does not begin with a room")
  else if (here != "" && !may_include(here, there)) complain(here " may not include \"" parts[2] "\"")
}

/^[ \t]*#[ \t]*include[ \t]*</ {
  split($0, parts, /[<>]/)
  for (pattern in foreign) {
    begin = pattern
    if (!(sub(/\*$/, "", begin) ? index(parts[2], begin) == 1 : parts[2] == pattern)) continue
    allowed = 0
    n = split(foreign[pattern], places, " ")
    for (i = 1; i <= n; i++) if (index(path, places[i]) == 1) allowed = 1
    if (!allowed) complain("<" parts[2] "> belongs to " foreign[pattern] " alone")
  }
}

END {
  if (files == 0) print "no files to check"
  exit faults > 0 || files == 0
}
