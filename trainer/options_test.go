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

func TestChanged(t *testing.T) {
	was := DefaultOptions()
	now := was
	now.OutputDir, now.Resume, now.SaveSteps, now.LoggingSteps, now.LossWeights = "elsewhere", true, 7, 1, []float64{}
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
