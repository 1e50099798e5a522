/* One row per option. */
#include "train/config_table.h"

#include <math.h>
#include <stddef.h>

#include "fastlr.h"

#define AT(field) offsetof(flr_config, field)
#define STRING(name, field, fallback, choices, group, argument, doc) \
  { name, FLR_OPTION_STRING, AT(field), fallback, 0, 0, choices, group, argument, doc, 1 }
#define INTEGER(name, field, fallback, min, max, group, doc) \
  { name, FLR_OPTION_INTEGER, AT(field), fallback, min, max, NULL, group, "N", doc, 1 }
#define NUMBER(name, field, fallback, min, max, group, doc) \
  { name, FLR_OPTION_NUMBER, AT(field), fallback, min, max, NULL, group, "X", doc, 1 }
#define SWITCH(name, field, fallback, group, doc) \
  { name, FLR_OPTION_SWITCH, AT(field), fallback, 0, 0, NULL, group, "on|off", doc, 1 }
#define FLAG(name, field, group, doc) \
  { name, FLR_OPTION_FLAG, AT(field), "off", 0, 0, NULL, group, NULL, doc, 1 }
#define LATER(name, allowed) \
  { name, FLR_OPTION_LATER, 0, NULL, 0, 0, allowed, NULL, "VALUE", NULL, 0 }
#define LATER_FLAG(name) \
  { name, FLR_OPTION_LATER, 0, NULL, 0, 0, "off", NULL, NULL, NULL, 0 }

static const char data[] = "Data", model[] = "Model", optimisation[] = "Optimisation", sweep[] = "Sweep", run[] = "Run",
                  output[] = "Output of single commands";

static const flr_option options[] = {
    STRING("data", data, "digits", NULL, data, "FILE.h5[,FILE..]", "training data; also digits, synthetic:N,H,W,C,K"),
    STRING("x-path", x_path, NULL, NULL, data, "[FILE:]PATH", "where other people's files keep the samples"),
    STRING("y-path", y_path, NULL, NULL, data, "[FILE:]PATH", "and the labels"),
    STRING("valid-x-path", valid_x_path, NULL, NULL, data, "[FILE:]PATH", "samples of the validation split"),
    STRING("valid-y-path", valid_y_path, NULL, NULL, data, "[FILE:]PATH", "labels of the validation split"),
    STRING("axis-order", axis_order, "nhwc", "nhwc,nchw", data, "ORDER", "of images in the file: nhwc or nchw"),
    NUMBER("valid-fraction", valid_fraction, NULL, 0, 0.999, data,
           "share of the training split used for validation (0.2 without a split)"),
    STRING("normalize", normalize, "auto", "auto,file,imagenet,none", data, "RULE", "auto, file, imagenet or none"),
    STRING("order", order, "shuffled", "shuffled,sequential", data, "ORDER", "shuffled or sequential"),
    SWITCH("drop-last", drop_last, "on", data, "leave out the ragged last batch of an epoch in training"),
    STRING("augment", augment, "auto", "auto,none,flip,crop-flip,resized-crop-flip", data, "KIND",
           "auto, none, flip, crop-flip or resized-crop-flip, of training images"),
    INTEGER("crop-size", crop_size, NULL, 1, 65536, data, "height and width of the images that the model sees (as stored)"),
    INTEGER("crop-pad", crop_pad, NULL, 0, 65535, data,
            "crop-flip: rows and columns reflected around the image (4; with --crop-size: 0)"),
    STRING("crop-scale", crop_scale, NULL, NULL, data, "A,B",
           "resized-crop-flip: least and largest share of the image's area (0.08,1)"),
    INTEGER("workers", workers, NULL, 1, 256, data, "loader threads per rank"),
    INTEGER("prefetch", prefetch, NULL, 1, 1024, data, "batches read ahead"),

    STRING("model", model, NULL, NULL, model, "NAME", "mlp, cnn, resnet9, resnet18.. (help lists them)"),
    STRING("hidden", hidden, "256,128", NULL, model, "WIDTHS", "hidden layers of mlp"),
    STRING("stem", stem, "auto", "auto,small,imagenet", model, "KIND", "of ResNets: auto, small or imagenet"),
    STRING("head", head, NULL, "linear,fastai", model, "KIND",
           "linear, or fastai: concat pooling, two layers (with --init-weights of other classes)"),
    NUMBER("dropout", dropout, NULL, 0, 0.999, model, "before the last layer (0; fastai 0.5, half of it before its first)"),
    STRING("init-weights", init_weights, NULL, NULL, model, "FILE", "start from a .safetensors or .h5 file"),
    SWITCH("init-head", init_head, "on", model, "take the last layer from it too"),
    FLAG("freeze", freeze, model, "train the last layer group (the head) alone"),
    INTEGER("freeze-to", freeze_to, "0", 0, 15, model, "freeze the layer groups before the N-th, counted from 0"),
    SWITCH("train-bn", train_bn, "on", model, "batch norm trains in frozen groups too"),
    FLAG("bn-freeze", bn_freeze, model, "there it neither trains nor updates its running averages"),

    INTEGER("batch", batch, "64", 1, 1 << 30, optimisation, "global batch, over all ranks"),
    INTEGER("accum", accum, "1", 1, 1 << 20, optimisation, "pieces of each shard, computed one after another: less memory"),
    INTEGER("epochs", epochs, "10", 1, 1e9, optimisation, "passes over the training split"),
    INTEGER("steps", steps, NULL, 1, 1e15, optimisation, "optimizer steps, instead of epochs"),
    STRING("policy", policy, "one-cycle", NULL, optimisation, "NAME",
           "one-cycle, one-cycle-v2, one-cycle-torch, one-cycle-torch3, annihilate, flat-cos, sgdr, constant or fine-tune"),
    STRING("lr", lr, "auto", NULL, optimisation, "RATE", "X, A:B, :B, X0,X1,.. or auto: sweep first"),
    STRING("pick", pick, "consensus", NULL, optimisation, "RULE",
           "which suggestion auto takes: consensus, minimum, steepest, valley, slide"),
    NUMBER("div-factor", div_factor, NULL, 1e-9, 1e12, optimisation,
           "the cycle starts at max / this (25, annihilate: 10, fine-tune: 5)"),
    NUMBER("pct-start", pct_start, NULL, 0, 1, optimisation,
           "share of the steps before the rate falls (0.3, v2: 0.25, flat-cos: 0.75)"),
    NUMBER("final-div", final_div, NULL, 1e-9, 1e15, optimisation,
           "the end is max / this (div-factor * 1e4; v2, flat-cos: 1e5), torch's the start / this (1e4)"),
    NUMBER("annihilate-pct", annihilate_pct, NULL, 0, 1, optimisation, "annihilate: share of the steps behind the cycle (0.1)"),
    INTEGER("cycles", cycles, NULL, 1, 10000, optimisation, "sgdr: how many (3)"),
    INTEGER("cycle-len", cycle_len, NULL, 1, 1e9, optimisation, "sgdr: epochs of the first (so that the run is filled)"),
    INTEGER("cycle-mult", cycle_mult, NULL, 1, 1e6, optimisation, "sgdr: each is this many times as long as the last (2)"),
    INTEGER("tot-epochs", tot_epochs, NULL, 1, 1e9, optimisation,
            "epochs of the whole schedule, of which this run ends at --epochs"),
    INTEGER("start-epoch", start_epoch, "0", 0, 1e9, optimisation, "and begins here"),
    INTEGER("freeze-epochs", freeze_epochs, NULL, 1, 1e9, optimisation,
            "fine-tune: epochs of the last layer group alone, before those of --epochs (1)"),
    NUMBER("lr-mult", lr_mult, NULL, 1e-9, 1e12, optimisation,
           "fine-tune: then the first group's rate is the last one's / this (100)"),
    STRING("moms", moms, NULL, NULL, optimisation, "A,B[,C]",
           "momentum (beta1): outside, at the peak, at the end (0.95,0.85; a constant one: 0.9)"),
    STRING("optimizer", optimizer, "adam", NULL, optimisation, "NAME", "sgd, adam, adamw or lamb"),
    NUMBER("wd", weight_decay, NULL, 0, 1e9, optimisation, "weight decay (0.01, sgd: 0)"),
    STRING("wd-mode", wd_mode, "decoupled", "decoupled,l2", optimisation, "MODE", "decoupled or l2"),
    SWITCH("bn-wd", bn_wd, "on", optimisation, "decay batch norm parameters and biases too"),
    NUMBER("sqr-mom", sqr_mom, "0.99", 0, 0.999999999, optimisation, "beta2 of adam"),
    NUMBER("eps", eps, "1e-5", 1e-300, 1e9, optimisation, "of adam"),
    NUMBER("clip-norm", clip_norm, NULL, 1e-300, 1e300, optimisation, "largest norm of the gradient over all ranks (any)"),
    NUMBER("label-smoothing", label_smoothing, "0", 0, 0.999, optimisation,
           "share of the target spread over all classes, in training"),
    SWITCH("sync-bn", sync_bn, "off", optimisation, "batch norm statistics over the global batch, not over each shard"),
    STRING("precision", precision, NULL, "f32,bf16,fp16", optimisation, "TYPE", "f32, bf16 or fp16 (bf16 on cuda, else f32)"),
    {"seed", FLR_OPTION_SEED, AT(seed), "1", 0, 0, NULL, optimisation, "N", "every random number follows from it", 1},

    STRING("sweep-start", sweep_start, "1e-7", NULL, sweep, "RATE", "first rate"),
    STRING("sweep-end", sweep_end, "10", NULL, sweep, "RATE", "last rate"),
    INTEGER("sweep-iters", sweep_iters, "100", 1, 1e6, sweep, "points"),
    NUMBER("sweep-beta", sweep_beta, "0.98", 0, 0.999999, sweep, "smoothing of the loss"),
    NUMBER("sweep-stop", sweep_stop, "4", 0, 1e300, sweep, "stop above this many times the best smoothed loss; 0: never"),
    NUMBER("sweep-mom", sweep_mom, "0.9", 0, 0.999999, sweep, "momentum (beta1) during the sweep"),
    STRING("sweep-mode", sweep_mode, "exp", "exp,linear", sweep, "MODE", "exp or linear"),
    INTEGER("sweep-repeats", sweep_repeats, "1", 1, 100, sweep,
            "sweeps on other samples: the curve is their median, with a band"),
    STRING("sweep-wd", sweep_wd, NULL, NULL, sweep, "W0,W1,..",
           "compare weight decays, take the largest that allows a high rate"),
    FLAG("sweep-inclusive", sweep_inclusive, sweep, "the last point is at the last rate"),
    INTEGER("trim-start", trim_start, NULL, 0, 1e9, sweep, "points the suggestions leave out at the start (10 %)"),
    INTEGER("trim-end", trim_end, "5", 0, 1e9, sweep, "and at the end"),

    STRING("out", out, NULL, NULL, run, "DIR", "run directory (runs/<time>-<model>)"),
    STRING("backend", backend, "auto", NULL, run, "NAME", "auto, cuda, cpu or ref"),
    STRING("comm", comm, "auto", NULL, run, "NAME", "auto, nccl, mpi or self"),
    INTEGER("threads", threads, NULL, 1, 4096, run, "CPU threads per rank"),
    STRING("comm-dtype", comm_dtype, "f32", "f32,bf16", run, "TYPE", "of gradients on the wire: f32 or bf16 (nccl)"),
    STRING("comm-algorithm", comm_algorithm, "auto", "auto,mpi,shared", run, "NAME",
           "of sums in host memory: mpi, shared (memory of a node's ranks) or auto: what is faster at the start"),
    SWITCH("cuda-graph", cuda_graph, "on", run, "run a step on the GPU as one recorded piece"),
    INTEGER("shards", shards, NULL, 1, 1 << 20, run, "logical shards of the global batch (the rank count)"),
    FLAG("deterministic", deterministic, run, "the same bits at every rank count (--threads is 1 unless given)"),
    NUMBER("watchdog", watchdog, "120", 0, 1e9, run, "seconds of silence before the job is ended; 0: off"),
    FLAG("watchdog-stack", watchdog_stack, run, "then also print the stack of the silent rank, where its process answers"),
    INTEGER("log-every", log_every, "10", 1, 1e9, run, "steps between step lines of metrics.jsonl"),
    STRING("checkpoint-every", checkpoint_every, "1e", NULL, run, "300s|500|1e",
           "seconds, steps or epochs between checkpoints"),
    INTEGER("keep", keep, "2", 1, 1e6, run, "checkpoints that stay in the run directory"),
    STRING("on-nonfinite", on_nonfinite, "stop", "stop,rollback", run, "WHAT",
           "stop, or rollback: go on from the last checkpoint at half the rate, three times at most"),
    FLAG("quiet", quiet, run, "only warnings and errors"),
    FLAG("verbose", verbose, run, "more about what is done"),
    STRING("plot", plot, "auto", "auto,none,terminal", run, "WHERE", "auto, none or terminal (files are drawn unless none)"),

    {"resume", FLR_OPTION_STRING, AT(resume), NULL, 0, 0, NULL, output, "[FILE|DIR]",
     "fit, find: go on from the newest whole checkpoint of DIR (of --out), if there is one", 0},
    {"time-limit", FLR_OPTION_STRING, AT(time_limit), NULL, 0, 0, NULL, output, "TIME",
     "fit, find: stop in time with a checkpoint: 2h, 90m, 5400s (else by Slurm's own limit)", 0},
    {"reschedule", FLR_OPTION_FLAG, AT(reschedule), "off", 0, 0, NULL, output, NULL,
     "with --resume: take options that differ from the checkpoint's", 0},
    {"json", FLR_OPTION_FLAG, AT(json), "off", 0, 0, NULL, output, NULL, "one JSON document on standard output", 0},
    {"csv", FLR_OPTION_FLAG, AT(csv), "off", 0, 0, NULL, output, NULL, "a table on standard output", 0},
    {"groups", FLR_OPTION_INTEGER, AT(groups), "1", 1, 16, NULL, output, "G", "schedule: layer groups", 0},
    {"split", FLR_OPTION_STRING, AT(split), "valid", 0, 0, "train,valid,test", output, "NAME",
     "eval, predict: train, valid or test", 0},
    {"which", FLR_OPTION_STRING, AT(which), "all", 0, 0, "all,sweep,schedule,loss", output, "PLOT",
     "plot: all, sweep, schedule or loss", 0},
    {"format", FLR_OPTION_STRING, AT(format), "both", 0, 0, "both,svg,png", output, "KIND", "plot: both, svg or png", 0},
    {"label", FLR_OPTION_STRING, AT(label), "label", 0, 0, NULL, output, "NAME", "convert csv: the column of the classes", 0},
    {"size", FLR_OPTION_INTEGER, AT(image_size), NULL, 1, 16384, NULL, output, "S",
     "convert imagefolder: make the short side S, cut SxS out of the middle", 0},
    {"channels", FLR_OPTION_INTEGER, AT(image_channels), "3", 1, 3, NULL, output, "1|3",
     "convert imagefolder: 3 colours or 1 grey", 0},
    {"max-pixels", FLR_OPTION_INTEGER, AT(max_pixels), "100000000", 1, 4e9, NULL, output, "N",
     "convert imagefolder: leave out larger images", 0},
    {"strict", FLR_OPTION_FLAG, AT(strict), "off", 0, 0, NULL, output, NULL,
     "convert imagefolder: a file that cannot be read is an error", 0},
    {"compress", FLR_OPTION_STRING, AT(compress), "none", 0, 0, "none,deflate,lz4,zstd", output, "CODEC",
     "convert: none, deflate, lz4 or zstd", 0},
    {"compress-level", FLR_OPTION_INTEGER, AT(compress_level), NULL, 1, 19, NULL, output, "N",
     "convert: of the codec (deflate: 4 of 1..9, lz4: 1 of 1..12, zstd: 3 of 1..19)", 0},
    {"chunk-rows", FLR_OPTION_INTEGER, AT(chunk_rows), NULL, 1, 1 << 30, NULL, output, "N",
     "convert: samples of a chunk (compressed: about 1 MiB of them; else there are no chunks)", 0},
    {"checksum", FLR_OPTION_SWITCH, AT(checksum), "on", 0, 0, NULL, output, "on|off",
     "convert: store checksums, which inspect compares", 0},
    {"diff", FLR_OPTION_FLAG, AT(diff), "off", 0, 0, NULL, output, NULL, "inspect: where two files differ", 0},
    {"smooth", FLR_OPTION_NUMBER, AT(smooth), "0", 0, 0.999999, NULL, output, "BETA", "suggest: smooth the losses first", 0},

    /* CLI.md has these; this version takes them only where they change nothing. */
    LATER("window", NULL),
};

const flr_option_table flr_config_table = {options, sizeof options / sizeof options[0], AT(given)};

_Static_assert(sizeof options / sizeof options[0] <= FLR_CONFIG_OPTIONS, "flr_config.given has a place for every option");
