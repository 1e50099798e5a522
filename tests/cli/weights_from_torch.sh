#!/usr/bin/env bash
# scripts/weights_from_torch.py: what it writes is read by --init-weights. torch is stood in for by numpy, as the script asks little
# of it. usage: see common.sh
. "$(dirname "$0")/common.sh"
script=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/scripts/weights_from_torch.py
for python in python3 /usr/bin/python3 ''; do
  [ -n "$python" ] || skip "python3 with numpy is missing"
  "$python" -c 'import numpy' 2>/dev/null && break
done
mkdir "$work/torch"
cat >"$work/torch/torch.py" <<'PY'
"""As much of torch as the script uses."""
import pickle

import numpy

float32 = "float32"


class Tensor:
    def __init__(self, array):
        self.array = array
        self.shape = array.shape

    def detach(self):
        return self

    def to(self, place, kind):
        assert place == "cpu"
        return Tensor(self.array.astype(kind))

    def contiguous(self):
        return Tensor(numpy.ascontiguousarray(self.array))

    def is_floating_point(self):
        return self.array.dtype.kind == "f"

    def numel(self):
        return self.array.size

    def numpy(self):
        return self.array


def is_tensor(thing):
    return isinstance(thing, Tensor)


def load(path, map_location, weights_only):
    assert map_location == "cpu" and weights_only
    with open(path, "rb") as file:
        return pickle.load(file)
PY
export PYTHONPATH=$work/torch
# make EXPRESSION FILE: a dictionary of tensors of a net 64-5-10, pickled
make() {
  "$python" -c "
import pickle, numpy as np, torch
r = np.random.default_rng(1)
t = lambda *s: torch.Tensor(r.standard_normal(s) / 8)
net = {'fc1.weight': t(5, 64), 'fc1.bias': t(5), 'fc2.weight': t(10, 5), 'fc2.bias': t(10), 'bn.num_batches_tracked': torch.Tensor(np.array(3))}
pickle.dump($1, open('$2', 'wb'))"
}
make net "$work/plain.pth"
make "{'epoch': 3, 'state_dict': {'module.' + k: v for k, v in net.items()}}" "$work/wrapped.pth"
for kind in plain wrapped; do
  "$python" "$script" "$work/$kind.pth" "$work/$kind.safetensors" >words || complain "$kind: exit code $?"
  same "$kind" "$work/$kind.safetensors: 4 tensors, 385 numbers" "$(cat words)"
done
cmp "$work/plain.safetensors" "$work/wrapped.safetensors" || complain 'the wrapper left something'
fastlr --init-weights ../../plain.safetensors --model mlp --hidden 5 --steps 1 --lr 0 --quiet --plot none --out ../../run
[ "$code" = 0 ] || complain "exit code $code: $(own_words)"
"$program" export "$work/run/final.h5" "$work/back.safetensors"
"$python" - "$work" <<'PY' || complain 'other numbers came back'
import json, pickle, struct, sys
import numpy as np

def read(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__")
    return {k: np.frombuffer(data[8 + size :][slice(*v["data_offsets"])], "<f4").reshape(v["shape"]) for k, v in header.items()}

work = sys.argv[1]
net, back = pickle.load(open(work + "/plain.pth", "rb")), read(work + "/back.safetensors")
assert sorted(back) == ["fc1.bias", "fc1.weight", "fc2.bias", "fc2.weight"], sorted(back)
for name, values in back.items():
    assert (values == net[name].array.astype("float32")).all(), name
PY
same 'the list' 'fc1.weight [5, 64]' "$("$python" "$script" --list "$work/plain.pth" | head -1)"
make '{"a": torch.Tensor(np.array(3))}' "$work/none.pth"
"$python" "$script" "$work/none.pth" "$work/none.safetensors" 2>words && complain 'nothing was written as weights'
grep -q 'no floating point tensors' words || complain "$(cat words)"
finish
