#!/usr/bin/env bash
# Every documented option takes its good values and refuses the others, naming option, value and what is allowed.
# usage: see common.sh
. "$(dirname "$0")/common.sh"

# not_allowed OPTION WANTED VALUE..: each value is refused in these words
not_allowed() {
  local option=$1 wanted=$2 value shown
  shift 2
  for value in "$@"; do
    shown=${value:-\"\"}
    shown=${shown//./\\.}
    refused 64 "--$option: $shown is not allowed: .*$wanted" "--$option" "$value"
  done
}

several() { # what is tried at any rank count
  refused 64 '--bach is no option: did you mean --batch' --bach 3
  refused 64 '--batch needs a value' --batch
  refused 64 '--quiet and --verbose contradict each other' --quiet --verbose
  refused 64 'no such thing is no command: --help lists them' 'no such thing'
  not_allowed model 'mlp, cnn, resnet9, resnet18, .*resnet56' resnet19
  not_allowed policy 'one of one-cycle,one-cycle-v2,one-cycle-torch,one-cycle-torch3,annihilate,flat-cos,sgdr,constant,fine-tune' none
  not_allowed batch 'a whole number from 1 to 1073741824' 0
  not_allowed lr 'a finite rate of at least 0' abc
  refused 64 '--lr: 1,2,3 has 3 values, the model 2 layer groups: give one value or one per group' --lr 1,2,3
  refused 69 'cuda: .*use --backend cpu' --backend cuda
  refused 69 '--comm: nccl sums on GPUs, but the cpu backend computes: use --backend cuda or --comm mpi' --comm nccl --backend cpu
  refused 69 '--precision: CPUs compute in f32 only here: bf16 and fp16 need --backend cuda' --precision bf16 --backend cpu
  refused 64 '--comm-dtype: bf16 is for --comm nccl between GPUs: use f32' --comm-dtype bf16 --backend cpu
  not_allowed precision 'one of f32,bf16,fp16' f64
  refused 74 '(rank 0 .*: )?--out: cannot make the folder /dev/null/x: Not a directory' --out /dev/null/x
  refused 74 '(rank 0 .*: )?--out: cannot make the folder /proc/nowhere: No such file' --out /proc/nowhere/x
  refused 66 '--config: missing.ini: No such file' --config missing.ini
}

numbers() {
  local o whole='a whole number from 1 to'
  for o in cycles cycle-len cycle-mult tot-epochs freeze-epochs; do not_allowed "$o" "$whole [0-9]+$" 0 -1 1.5 x ''; done
  not_allowed start-epoch 'a whole number from 0 to' -1 1.5 x
  for o in accum batch epochs steps threads shards workers prefetch window log-every sweep-iters; do
    not_allowed "$o" "$whole [0-9]+$" 0 -1 1.5 x '' 99999999999999999999
  done
  not_allowed sweep-wd 'up to 8 different numbers of at least 0' '' -1 x nan 1, 0,,1 0,0 1e-4,0.0001 1,2,3,4,5,6,7,8,9
  refused 64 '--wd 0\.02 is none of --sweep-wd 0,1e-2: give one of them, or leave --wd out' --sweep-wd 0,1e-2 --wd 0.02
  refused 64 '--sweep-wd is for a sweep, which --lr 1e-2 does without' --sweep-wd 0,1e-2 --lr 1e-2
  not_allowed sweep-repeats 'a whole number from 1 to 100' 0 -1 1.5 x '' 101
  for o in trim-start trim-end; do not_allowed "$o" 'a whole number from 0 to' -1 x ''; done
  [ "$(getconf _NPROCESSORS_ONLN)" -ge 512 ] ||
    refused 64 "--threads: 4096 is not allowed on a machine of [0-9]+ cores?: at most [0-9]+\$" --threads 4096
  not_allowed cache 'one of auto,none,ram' yes ''
  not_allowed cache-memory 'a size as 512M, 1.5G or 65536' x 0 -1 1Q 1Mi 1M2
  not_allowed freeze-to 'a whole number from 0 to 15' -1 16 1.5 x ''
  not_allowed seed 'a whole number from 0 to 18446744073709551615' -1 1.5 x '' 18446744073709551616
  for o in dropout valid-fraction label-smoothing; do not_allowed "$o" 'a number from 0 to 0\.999' -0.1 1 nan inf x ''; done
  for o in sweep-mom sweep-beta sqr-mom; do not_allowed "$o" 'a number from 0 to 0\.999999' -0.1 1 nan x ''; done
  for o in pct-start annihilate-pct; do not_allowed "$o" 'a number from 0 to 1' -0.1 1.1 nan x ''; done
  for o in 0 1; do refused 64 "--pct-start $o is out of range: above 0 and below 1" --pct-start $o; done
  refused 64 '--pct-start 0.7 is out of range: one-cycle-torch3' --policy one-cycle-torch3 --pct-start 0.7
  refused 64 '--annihilate-pct 1 is out of range: from 0 to below 1' --policy annihilate --annihilate-pct 1
  for o in div-factor final-div lr-mult eps clip-norm; do not_allowed "$o" 'a number from 1e-' 0 -1 nan inf x ''; done
  for o in wd watchdog sweep-stop; do not_allowed "$o" 'a number from 0 to' -1 nan x ''; done
  refused 64 '--sweep-stop 0.5 is out of range: at least 1, or 0 for never' --sweep-stop 0.5
  not_allowed moms 'numbers from 0 to below 1' 1 -0.1 0.9, 0.9,x '' 0.1,0.2,0.3,0.4
  refused 64 '--moms 0.9,0.8,0.7: --policy one-cycle takes two values' --moms 0.9,0.8,0.7
  for o in lr sweep-start sweep-end; do not_allowed "$o" 'rate' -1 nan inf x '' 1, 1:x 1:2:3; done
  refused 64 '--sweep-start 0 of layer group 0 is out of range: a finite rate above 0' --sweep-start 0
  refused 64 '--sweep-end 1e-08 of layer group 0 is out of range: .*above --sweep-start 1e-07' --sweep-end 1e-8
}

words() {
  not_allowed data 'synthetic:N,H,W,C,K with samples, height, width, channels \(each from 1\) and classes \(from 2\)' \
    synthetic:64,8,8,1,1 synthetic:0,8,8,1,3 synthetic:64,8,8
  not_allowed axis-order 'one of nhwc,nchw' hwc ''
  not_allowed augment 'one of auto,none,flip,crop-flip,resized-crop-flip' crop ''
  not_allowed crop-scale 'two shares of the image.s area A,B, 0 < A <= B <= 1' 0,1 1 0.5,0.4 0.1,2 ''
  not_allowed normalize 'one of auto,file,imagenet,none' mean
  not_allowed order 'one of shuffled,sequential' random
  not_allowed stem 'one of auto,small,imagenet' big
  not_allowed head 'one of linear,fastai' conv ''
  refused 64 '--crop-size: 9 is larger than the images of [^,]*digits[^,]*, 8x8: at most 8' --crop-size 9
  refused 64 '--crop-pad: 8 is not allowed for images of 8x8 .*: reflected are at most 7 rows and columns' --augment crop-flip --crop-pad 8
  refused 64 '--crop-pad: 4 is for --augment crop-flip, not for none: leave it out' --crop-pad 4
  refused 64 '--crop-scale: 0.2,1 is for --augment resized-crop-flip, not for flip: leave it out' --augment flip --crop-scale 0.2,1
  refused 64 '--head: fastai stands behind the features of a convolutional model, which mlp is not' --head fastai
  refused 64 '--batch: 2 for 2 shards leaves some with one sample' --head fastai --model cnn --batch 2 --shards 2
  not_allowed hidden 'widths such as 256,128' 0 a 1,,2 1,
  not_allowed pick 'one of consensus,minimum,steepest,valley,slide' best
  not_allowed optimizer 'one of sgd,adam,adamw,lamb' rmsprop
  not_allowed wd-mode 'one of decoupled,l2' l1
  not_allowed sweep-mode 'one of exp,linear' log
  not_allowed backend 'one of auto,cpu,ref,cuda' gpu
  not_allowed comm 'one of auto,mpi,self,nccl' tcp
  not_allowed plot 'one of auto,none,terminal' window
  local o
  for o in drop-last init-head bn-wd train-bn sync-bn; do not_allowed "$o" 'on or off' yes ''; done
  for o in data out model init-weights; do not_allowed "$o" 'give a' ''; done
}

contradictions() {
  refused 64 '--x-path and --y-path go together' --x-path a
  refused 64 '--x-path, --y-path: the training data are the embedded digits, which have no paths: give --data FILE.h5' --x-path a.h5:b --y-path a.h5:c
  refused 64 '--valid-x-path and --valid-y-path go together' --valid-y-path a
  refused 64 '--optimizer adamw and --wd-mode l2 contradict each other' --optimizer adamw --wd-mode l2
  refused 64 '--policy constant takes no --div-factor' --policy constant --div-factor 10
  refused 64 '--policy one-cycle takes no --annihilate-pct' --annihilate-pct 0.2
  refused 64 '--policy annihilate takes no --pct-start' --policy annihilate --pct-start 0.2
  refused 64 '--policy flat-cos takes no --cycles' --policy flat-cos --cycles 2
  refused 64 '--policy one-cycle takes no --cycle-len' --cycle-len 2
  refused 64 '--cycle-len and --tot-epochs contradict each other' --policy sgdr --cycle-len 2 --tot-epochs 20
  refused 64 '--epochs: 8, but the cycles of --cycle-len 1 come to 7' --policy sgdr --cycle-len 1 --epochs 8
  refused 64 '--cycles 36 with --cycle-mult 2 and --cycle-len 1000000000: too many' --policy sgdr --cycles 36 --cycle-mult 2 --cycle-len 1000000000
  refused 64 '--cycles 5 with --cycle-mult 2: a cycle makes no steps, as there are only 30 in all' --policy sgdr --cycles 5 --steps 30
  refused 64 '--cycles 5 with .*: a cycle makes no steps' schedule --policy sgdr --cycles 5 --steps 30 --lr 1
  refused 64 '--start-epoch: 5 leaves nothing to train, as the run ends after 5 epochs' --start-epoch 5 --epochs 5
  refused 64 '--start-epoch: 1 leaves nothing to train, as the run ends after 9 steps' --start-epoch 1 --steps 9
  refused 64 '--tot-epochs: 4 end the schedule before the run.s 5 epochs' --tot-epochs 4 --epochs 5
  refused 64 '--tot-epochs: --steps 21 are no whole number for each of --epochs 2' schedule --steps 21 --epochs 2 --tot-epochs 3 --lr 1
  refused 64 '--start-epoch: 2 leaves nothing' schedule --steps 20 --epochs 2 --start-epoch 2 --lr 1
  refused 64 '--policy one-cycle takes no --freeze-epochs: leave it out' --freeze-epochs 1
  refused 64 '--policy one-cycle-v2 takes no --lr-mult: leave it out' --policy one-cycle-v2 --lr-mult 10
  refused 64 '--policy fine-tune and --freeze contradict each other: it freezes all groups but the last' --policy fine-tune --freeze
  refused 64 '--policy fine-tune and --freeze-to contradict each other' --policy fine-tune --freeze-to 1
  refused 64 '--lr: 1e-5:1e-3: --policy fine-tune makes the rates of layer groups itself: give one rate' --policy fine-tune --lr 1e-5:1e-3
  refused 64 '--lr: 1,2: --policy fine-tune makes the rates' schedule --policy fine-tune --lr 1,2 --groups 2 --steps 10
  refused 64 '--policy fine-tune takes no --start-epoch: leave it out' --policy fine-tune --start-epoch 1
  refused 64 '--policy fine-tune takes no --tot-epochs: leave it out' --policy fine-tune --tot-epochs 20
  refused 64 '--policy fine-tune takes no --cycle-len' --policy fine-tune --cycle-len 2
  refused 64 '--policy fine-tune: the model has one layer group only, .*: take another --policy or a model' --policy fine-tune --hidden '' --lr 1
  refused 64 '--policy fine-tune freezes all layer groups but the last, .*: give --groups 2 or more' schedule --policy fine-tune --lr 1 --steps 10
  refused 64 '--freeze-epochs: --steps 21 are no whole number for each of --epochs 2' schedule --policy fine-tune --steps 21 --epochs 2 --lr 1 --groups 2
  refused 64 '--freeze and --freeze-to 1 contradict each other' --freeze --freeze-to 1
  refused 64 '--freeze-to: 2 would freeze the model.s 2 layer groups and leave nothing to train: at most 1' --freeze-to 2
  refused 64 '--freeze-to: 3 would freeze the model.s 3 layer groups' --freeze-to 3 --model cnn
  refused 64 '--freeze: the model has one layer group only, so nothing would be left to train' --freeze --hidden ''
  refused 64 '--freeze takes no value' --freeze=1
  refused 64 '--json and --csv contradict each other' find --json --csv
  refused 64 '--batch: 64 is smaller than --shards 100' --shards 100
  refused 64 '--sync-bn and --accum 2 contradict each other: statistics over the global batch need all of it at once; for less memory lower --batch or start more ranks' \
    --sync-bn on --accum 2
  refused 64 '--batch: 1 for 1 shards leaves some with one sample' --head fastai --model cnn --batch 1 --sync-bn on
  refused 64 '--accum: 9 pieces of shards of 8 samples: lower it or raise --batch' --accum 9 --shards 2 --batch 16
  refused 64 '--json: fit does not take it: only find, eval, ' --json
  refused 64 '--csv: eval does not take it: only find, predict, schedule, suggest' eval x.h5 --csv
  refused 64 '--json: predict does not take it: only find, eval, ' predict x.h5 --json
  refused 64 'predict: a file.s name is missing: fastlr_dist predict CKPT$' predict
  refused 64 '--split: find does not take it: only eval, predict' find --split test
  refused 64 '--smooth: find does not take it: only suggest' find --smooth 0.5
  refused 64 '--json takes no value' --json=1
  refused 64 '--quiet takes no value' --quie=1
  refused 64 '--help takes no value' --help=find
  refused 64 '--version takes no value' --version=1
  refused 64 '--config: "" is not allowed: give an INI file' --config=
  refused 64 '--sweep-s is short for several options: --sweep-start, --sweep-stop$' --sweep-s 1
  refused 64 '--sweep is short for several options: .*--sweep-mode' --sweep 3
  refused 64 '-x is no option' -x
  refused 64 'eval: a file.s name is missing: fastlr_dist eval CKPT$' eval
  refused 64 'eval: b is one too many: fastlr_dist eval CKPT$' eval a b
  refused 64 'backends: x is one too many: fastlr_dist backends$' backends x
  refused 64 'export: a file.s name is missing: fastlr_dist export CKPT.h5 OUT.safetensors$' export a
  refused 64 '--steps: schedule needs the number of steps' schedule --lr 1
  refused 64 '--lr: schedule needs a rate' schedule --steps 5
  refused 64 '--lr: 1:2 spreads rates over layer groups, but there is only one: give one rate' schedule --steps 5 --lr 1:2
  refused 64 '--lr: :2 spreads rates over layer groups, but there is only one' schedule --steps 5 --lr :2 --groups 1
  refused 64 '--lr: 1,2 has 2 values, the model 3 layer groups' schedule --steps 5 --lr 1,2 --groups 3
  refused 64 '--batch: 1.2 is not allowed: a whole number' --batch $'1\n2' # one line all the same
}

help_text() { # names each option and its default, no line is longer than a screen
  local text
  text=$("$program" --help)
  same 'the longest line of --help' '' "$(awk 'length > 79' <<<"$text")"
  grep -q -- '--batch=N  *global batch, over all ranks (64)$' <<<"$text" || complain '--help has no default of --batch'
  grep -q -- '--sweep-start=RATE  *first rate (1e-7)$' <<<"$text" || complain '--help has no default of --sweep-start'
}

manual_page() { # has every option that --help has, and nothing that man stumbles over
  "$program" --manual >"$work/page.1"
  same 'the options of the manual page' "$("$program" --help | grep -oE '^ +--[a-z-]+' | tr -d ' ' | sort)" \
    "$(sed -n 's/^\\fB\(\\-\\-[^=]*\)\\fR.*/\1/p' "$work/page.1" | tr -d "\\\\" | sort)"
  command -v groff >/dev/null || return
  same 'what groff says of the manual page' '' "$(groff -man -ww -z "$work/page.1" 2>&1)"
}

good() { # every option with a good value, in two runs
  accepted --data digits --axis-order nhwc --valid-fraction 0.3 --normalize none --order sequential --drop-last off --augment crop-flip --crop-size 7 --crop-pad 2 \
    --workers 2 --prefetch 3 --window 9 --cache none --cache-memory 64M --model mlp --hidden 32,16 --stem small --head linear --dropout 0.1 --init-head off --train-bn on \
    --freeze-to 0 --batch 60 --accum 2 --epochs 1 --steps 3 --policy one-cycle --lr 1e-4:1e-3 --pick slide --div-factor 10 \
    --pct-start 0.4 --final-div 100 --moms 0.9,0.8 --start-epoch 0 --optimizer sgd --wd 1e-4 --wd-mode l2 --bn-wd off \
    --sqr-mom 0.9 --eps 1e-8 --clip-norm 0.5 --label-smoothing 0.1 --sync-bn off --precision f32 --seed 18446744073709551615 --sweep-start 1e-6 \
    --sweep-end 1,2 --sweep-iters 20 --sweep-beta 0 --sweep-stop 0 --sweep-mom 0.5 --sweep-mode linear --sweep-inclusive \
    --sweep-repeats 2 --trim-start 0 --trim-end 0 --out dir/below --backend auto --comm auto --threads 1 --shards 3 \
    --deterministic --watchdog 0 --log-every 1 --quiet --plot none
  accepted --lr 0 --lr=1e-3,1e-2,1 --steps 1 --policy constant --moms 0.5 --watchdog 2.5 --model cnn --data synthetic:64,6,6,3,3 --quiet \
    --batch 16
  accepted --data synthetic:64,9,9,3,3 --augment resized-crop-flip --crop-scale 0.3,1 --crop-size 8 --batch 16 --lr 1e-2 --steps 1 --quiet
  accepted --policy fine-tune --freeze-epochs 1 --lr-mult 50 --lr 1e-2 --steps 2 --batch 700 --quiet --out tuned
  same 'a warning of frozen random features, once' 1 "$(own_words | grep -c 'warning: --policy fine-tune without --init-weights')"
  accepted --sync-bn on --head fastai --model cnn --data synthetic:64,6,6,3,3 --batch 4 --shards 4 --lr 1e-2 --steps 2 --quiet
  accepted --freeze --train-bn off --bn-freeze --lr 1e-2 --steps 2 --quiet
  fastlr find --dry-run --sweep-iters 30 --epochs 1
  same 'a dry run of find' 1 "$(own_words | grep -c '^dry run: all is well for 22 steps and a sweep of 30 points, nothing was trained or written; ')"
  fastlr --dry-run --lr 1e-3 --epochs 1
  same 'a dry run without a sweep' 1 "$(own_words | grep -c '^dry run: all is well for 22 steps, nothing was trained or written; ')"
  accepted --help
  help_text
  accepted --manual
  manual_page
  accepted --version
  accepted --model help
  accepted help
}

several
if [ "$ranks" = 1 ]; then
  numbers
  words
  contradictions
fi
good
finish
