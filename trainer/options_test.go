package trainer

import (
	"math"
	"strings"
	"testing"
)

func TestOptionFaults(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(*Options)
		want  string
	}{
		{"no output", func(o *Options) { o.OutputDir = "" }, "output_dir: name the directory"},
		{"beta", func(o *Options) { o.Beta = 0 }, "beta: 0 is not allowed; use a number above 0"},
		{"beta NaN", func(o *Options) { o.Beta = math.NaN() }, "beta: NaN"},
		{"planned loss", func(o *Options) { o.LossType = []string{"hinge"} }, `loss_type: the loss "hinge" is not supported`},
		{"unknown loss", func(o *Options) { o.LossType = []string{"sigm"} }, `loss_type: there is no loss "sigm"; use sigmoid`},
		{"weights", func(o *Options) { o.LossWeights = []float64{1, 2} }, "loss_type: there are 1 losses and 2 weights"},
		{"weight", func(o *Options) { o.LossWeights = []float64{math.Inf(1)} }, "loss_weights: +Inf"},
		{"rate", func(o *Options) { o.LearningRate = -1 }, "learning_rate: -1"},
		{"schedule", func(o *Options) { o.LRSchedulerType = "polynomial" }, `lr_scheduler_type: there is no schedule "polynomial"; use one of linear`},
		{"warmup", func(o *Options) { o.WarmupSteps = -1 }, "warmup_steps: -1"},
		{"ratio", func(o *Options) { o.WarmupRatio = 3 }, "warmup_ratio: 3 is not allowed; use a share"},
		{"both warmups", func(o *Options) { o.WarmupRatio, o.WarmupSteps = 0.1, 5 }, "warmup_ratio: warmup_steps is set as well"},
		{"useless warmup", func(o *Options) { o.LRSchedulerType, o.WarmupSteps = "constant", 5 }, "constant has no warmup; write constant_with_warmup"},
		{"batch", func(o *Options) { o.PerDeviceTrainBatchSize = 0 }, "per_device_train_batch_size: 0"},
		{"accumulation", func(o *Options) { o.GradientAccumulationSteps = 0 }, "gradient_accumulation_steps: 0"},
		{"endless batch", func(o *Options) { o.PerDeviceTrainBatchSize = math.MaxInt }, "per_device_train_batch_size: 9223372036854775807"},
		{"endless accumulation", func(o *Options) { o.GradientAccumulationSteps = math.MaxInt }, "gradient_accumulation_steps: 9223372036854775807"},
		{"endless warmup", func(o *Options) { o.WarmupSteps = 1e300 }, "warmup_steps: 1e+300"},
		{"endless run", func(o *Options) { o.MaxSteps = math.MaxInt }, "max_steps: 9223372036854775807"},
		{"micro", func(o *Options) { o.MicroBatchTokens = 0 }, "micro_batch_tokens: 0"},
		{"budget", func(o *Options) { o.MemoryBudget = "much" }, `memory_budget: "much" is no size; write a number with a unit, as 3GiB`},
		{"no budget", func(o *Options) { o.MemoryBudget = "0" }, `memory_budget: "0" is no size`},
		{"max steps", func(o *Options) { o.MaxSteps = 0 }, "max_steps: 0 is not allowed; use 1 or more, or -1"},
		{"epochs", func(o *Options) { o.NumTrainEpochs = 0 }, "num_train_epochs: 0"},
		{"sampling", func(o *Options) { o.TrainSamplingStrategy = "group_by_length" }, `train_sampling_strategy: there is no "group_by_length"; use one of random, sequential`},
		{"clip", func(o *Options) { o.MaxGradNorm = -1 }, "max_grad_norm: -1"},
		{"decay", func(o *Options) { o.WeightDecay = -1 }, "weight_decay: -1"},
		{"beta1", func(o *Options) { o.AdamBeta1 = 1 }, "adam_beta1: 1"},
		{"beta2", func(o *Options) { o.AdamBeta2 = -0.1 }, "adam_beta2: -0.1"},
		{"epsilon", func(o *Options) { o.AdamEpsilon = -1 }, "adam_epsilon: -1"},
		{"save strategy", func(o *Options) { o.SaveStrategy = "best" }, `save_strategy: there is no "best"; use one of steps, epoch, no`},
		{"save steps", func(o *Options) { o.SaveSteps = 0 }, "save_steps: 0"},
		{"half a step", func(o *Options) { o.SaveSteps = 1.5 }, "save_steps: 1.5 is not allowed; use a whole number of steps"},
		{"limit", func(o *Options) { o.SaveTotalLimit = -1 }, "save_total_limit: -1"},
		{"endless logging", func(o *Options) { o.LoggingSteps = math.Inf(1) }, "logging_steps: +Inf"},
		{"logging", func(o *Options) { o.LoggingSteps = 0 }, "logging_steps: 0"},
		{"item", func(o *Options) { o.AllowMismatch = []string{"colour"} }, `allow_mismatch: there is no "colour"; use one of weights,`},
		{"tolerance", func(o *Options) { o.LogpTolerance = -1 }, "logp_tolerance: -1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := DefaultOptions()
			o.OutputDir = "run"
			test.spoil(&o)
			err := o.Validate()
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("one fault gives several: %v", err)
			}
		})
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	o := DefaultOptions()
	o.Beta, o.MaxSteps = -1, -2
	err := o.Validate()
	for _, want := range []string{"output_dir:", "beta:", "max_steps:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

func TestDefaultsAreValid(t *testing.T) {
	o := DefaultOptions()
	o.OutputDir = "run"
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "3GiB": 3 << 30, "1.5 gib": 3 << 29, "3500MB": 3500e6, "7 kB": 7000, "12B": 12, "3000000000": 3e9, "1TiB": 1 << 40} {
		if got, err := parseBytes(text); err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"GiB", "-1GB", "3 G", "1e30GB", "NaN", "Inf GB", "3GiBs"} {
		if got, err := parseBytes(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
	for _, n := range []int64{1, 1 << 20, 1<<20 + 1, 1<<30 - 1, 1 << 30, 1<<30 + 1, 123456789012} {
		if got, err := parseBytes(size(n)); err != nil || got < n || float64(got) > 1.01*float64(n)+1<<20 {
			t.Errorf("%d is written %s, which is %d, %v", n, size(n), got, err)
		}
	}
}

// A policy that plans no memory is trained as it is, and refused where memory is to be planned.
func TestMemoryOfAnotherEngine(t *testing.T) {
	r, _ := testRun(t, smallOptions(), startTable(), cached(t, startTable(), randomPairs(7, 3, 7)...))
	if _, err := r.limitMemory(); err != nil {
		t.Error(err)
	}
	for _, change := range []func(*Options){func(o *Options) { o.GradientCheckpointing = true }, func(o *Options) { o.MemoryBudget = "3GiB" }} {
		r.o = smallOptions()
		change(&r.o)
		if _, err := r.limitMemory(); err == nil || !strings.Contains(err.Error(), "leave out gradient_checkpointing and memory_budget") {
			t.Errorf("got %v", err)
		}
	}
}

func TestChanged(t *testing.T) {
	was := DefaultOptions()
	now := was
	now.OutputDir, now.Resume, now.SaveSteps, now.LoggingSteps, now.LossWeights = "elsewhere", true, 7, 1, []float64{}
	now.GradientCheckpointing, now.MemoryBudget = true, "3GiB"
	if err := now.changed(was); err != nil {
		t.Errorf("what may change is refused: %v", err)
	}
	now.Beta, now.LossType = 0.2, []string{"sigmoid", "sigmoid"}
	err := now.changed(was)
	for _, want := range []string{"beta: the run began with 0.1 and would go on with 0.2", "loss_type: the run began with [sigmoid]"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}
