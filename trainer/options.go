package trainer

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/steelyard-ml/steelyard/trainer/loss"
	"github.com/steelyard-ml/steelyard/trainer/optim"
)

// Options of a training run, under the names and with the defaults of TRL's DPOConfig wherever it has them. The tag yaml is the name of
// a field in files and, with dashes, of its flag; usage is its help; resume:"free" marks what may change when a run is resumed.
//
// Fields that count steps and may be below 1 are then a share of all steps, rounded up, as in transformers 5.
type Options struct {
	// OutputDir is the run directory, which must not hold another run. It gets checkpoints, metrics and the final model.
	OutputDir string `yaml:"output_dir" alias:"output" json:"output_dir" usage:"run directory" resume:"free"`
	// Resume continues the run in OutputDir from its newest whole checkpoint, or begins it where there is none yet.
	Resume bool `yaml:"resume" json:"resume" usage:"continue the run in output_dir" resume:"free"`
	// View is the data set of the cache to train on: "" is the newest, cache.AllViews ("all") every one, the oldest first.
	View string `yaml:"view" json:"view" usage:"data set of the cache, or all; default the newest"`
	// Dedupe trains on a pair once an epoch though the data repeat it, at its first place. TRL trains on repeats.
	Dedupe bool `yaml:"dedupe" json:"dedupe" usage:"train on repeated pairs once"`

	// Beta is β, the strength of the pull to the reference, above 0.
	Beta float64 `yaml:"beta" json:"beta" usage:"strength of the pull to the reference"`
	// LossType names the losses, which are summed by LossWeights (none: all 1).
	LossType    []string  `yaml:"loss_type" json:"loss_type" usage:"losses, summed"`
	LossWeights []float64 `yaml:"loss_weights" json:"loss_weights" usage:"weight of each loss; default 1"`

	// LearningRate is the rate that the schedule multiplies.
	LearningRate float64 `yaml:"learning_rate" json:"learning_rate" usage:"highest learning rate"`
	// LRSchedulerType is linear, cosine, constant or constant_with_warmup.
	LRSchedulerType string `yaml:"lr_scheduler_type" json:"lr_scheduler_type" usage:"linear, cosine, constant or constant_with_warmup"`
	// WarmupSteps is how many steps the rate takes to rise from 0, or a share of all. WarmupRatio is such a share under its older
	// name; only one of the two may be set.
	WarmupSteps float64 `yaml:"warmup_steps" json:"warmup_steps" usage:"steps, or share of steps, of rising learning rate"`
	WarmupRatio float64 `yaml:"warmup_ratio" json:"warmup_ratio" usage:"share of steps of rising learning rate"`

	// PerDeviceTrainBatchSize pairs in order of the data are a loss group; GradientAccumulationSteps groups are a step, which
	// averages over them. Neither bounds memory: MicroBatchTokens does.
	PerDeviceTrainBatchSize   int `yaml:"per_device_train_batch_size" json:"per_device_train_batch_size" usage:"pairs of a loss group"`
	GradientAccumulationSteps int `yaml:"gradient_accumulation_steps" json:"gradient_accumulation_steps" usage:"loss groups of a step"`
	// MicroBatchTokens is how many tokens (a pair's prompt once) go through the model at a time: whole pairs, at least one. It
	// changes memory and speed, and of the result no more than the last bits.
	MicroBatchTokens int `yaml:"micro_batch_tokens" json:"micro_batch_tokens" usage:"tokens that go through the model at a time"`

	// GradientCheckpointing keeps of every layer its input alone and computes the rest again in the backward pass: less memory, more
	// time, the same bits.
	GradientCheckpointing bool `yaml:"gradient_checkpointing" json:"gradient_checkpointing" usage:"keep of every layer its input alone and compute the rest again" resume:"free"`
	// MemoryBudget is what the process may hold, as 3GiB or 3500MB; "" is no bound. Of a step's activations as much is computed again as
	// that asks for; results stay the same bits. A micro-batch that does not fit is refused, not cut.
	MemoryBudget string `yaml:"memory_budget" json:"memory_budget" usage:"memory that the run may take, as 3GiB: what does not fit is computed again" resume:"free"`

	// MaxSteps is the number of steps; -1 leaves it to NumTrainEpochs, which may have a fraction.
	MaxSteps       int     `yaml:"max_steps" json:"max_steps" usage:"steps of the run; -1: as num_train_epochs says"`
	NumTrainEpochs float64 `yaml:"num_train_epochs" json:"num_train_epochs" usage:"passes over the data"`
	// TrainSamplingStrategy is random (a permutation from Seed, another each epoch) or sequential (the order of the data set).
	TrainSamplingStrategy string `yaml:"train_sampling_strategy" json:"train_sampling_strategy" usage:"random or sequential"`
	Seed                  uint64 `yaml:"seed" json:"seed" usage:"seed of all that is random"`

	// MaxGradNorm is what a longer gradient is scaled down to; 0 turns this off.
	MaxGradNorm float64 `yaml:"max_grad_norm" json:"max_grad_norm" usage:"longest gradient; 0: any"`
	// WeightDecay is decoupled and applies to what is neither a bias nor a norm's weight.
	WeightDecay float64 `yaml:"weight_decay" json:"weight_decay" usage:"decoupled weight decay"`
	AdamBeta1   float64 `yaml:"adam_beta1" json:"adam_beta1" usage:"decay of the first moment"`
	AdamBeta2   float64 `yaml:"adam_beta2" json:"adam_beta2" usage:"decay of the second moment"`
	AdamEpsilon float64 `yaml:"adam_epsilon" json:"adam_epsilon" usage:"epsilon of AdamW"`
	// Optim is adamw_torch, or adamw_8bit, also called adamw_bnb_8bit, whose moments take a quarter of the memory.
	Optim string `yaml:"optim" json:"optim" usage:"adamw_torch, or adamw_8bit (bitsandbytes' 8-bit moments)"`

	// RouterAuxLossCoef weighs the auxiliary loss of a mixture of experts; -1 takes the model's own, 0 leaves the loss out.
	RouterAuxLossCoef float64 `yaml:"router_aux_loss_coef" json:"router_aux_loss_coef" usage:"weight of the experts' auxiliary loss; -1: the model's own"`

	// SaveStrategy is steps (every SaveSteps steps and after the last), epoch (after each) or no. SaveTotalLimit is how many
	// checkpoints stay; 0 is all.
	SaveStrategy   string  `yaml:"save_strategy" json:"save_strategy" usage:"steps, epoch or no" resume:"free"`
	SaveSteps      float64 `yaml:"save_steps" json:"save_steps" usage:"steps, or share of steps, between checkpoints" resume:"free"`
	SaveTotalLimit int     `yaml:"save_total_limit" json:"save_total_limit" usage:"checkpoints that stay; 0: all" resume:"free"`
	// LoggingSteps is how many steps pass from one line on the console to the next. metrics.jsonl gets every step.
	LoggingSteps float64 `yaml:"logging_steps" json:"logging_steps" usage:"steps, or share of steps, between console lines" resume:"free"`

	// AllowMismatch names items in which cache and policy may differ (weights, tokenizer, …). The run's record names them.
	AllowMismatch []string `yaml:"allow_mismatch" json:"allow_mismatch" usage:"items in which cache and policy may differ"`
	// PolicyDiffers says that the policy starts elsewhere than its reference, as in iterated DPO: then neither the reference's
	// fingerprint nor the identity at step 0 is asserted.
	PolicyDiffers bool `yaml:"policy_differs" json:"policy_differs" usage:"the policy does not start as the reference"`
	// LogpTolerance accepts a cache of another arithmetic (item numerics) as long as sums differ by no more than so many nats at
	// step 0. 0 asks for equal bits.
	LogpTolerance float64 `yaml:"logp_tolerance" json:"logp_tolerance" usage:"nats by which a cache of another arithmetic may differ"`
}

// Values of Options.TrainSamplingStrategy, Options.SaveStrategy and Options.Optim.
const (
	SamplingRandom     = "random"
	SamplingSequential = "sequential"

	SaveBySteps = "steps"
	SaveByEpoch = "epoch"
	SaveNothing = "no"

	OptimAdamW    = "adamw_torch"
	OptimAdamW8   = "adamw_8bit"
	OptimBnbAdamW = "adamw_bnb_8bit" // the same
)

// DefaultOptions returns the defaults of TRL 1.16.0's DPOConfig, with no OutputDir.
func DefaultOptions() Options {
	return Options{
		Beta:                      0.1,
		LossType:                  []string{"sigmoid"},
		LearningRate:              1e-6,
		LRSchedulerType:           "linear",
		PerDeviceTrainBatchSize:   8,
		GradientAccumulationSteps: 1,
		MicroBatchTokens:          2048,
		MaxSteps:                  -1,
		NumTrainEpochs:            3,
		TrainSamplingStrategy:     SamplingRandom,
		Seed:                      42,
		MaxGradNorm:               1,
		AdamBeta1:                 0.9,
		AdamBeta2:                 0.999,
		AdamEpsilon:               1e-8,
		Optim:                     OptimAdamW,
		RouterAuxLossCoef:         -1,
		SaveStrategy:              SaveBySteps,
		SaveSteps:                 500,
		LoggingSteps:              10,
	}
}

// manySteps is beyond any run, and far from where products and sums of such numbers overflow.
const manySteps = 1_000_000_000

// Validate returns every fault of the options at once, each with the field's name and what to write instead.
func (o Options) Validate() error {
	var faults []error
	check := func(ok bool, field, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("%s: %s", field, fmt.Sprintf(format, args...)))
		}
	}
	among := func(field, value string, allowed ...string) {
		check(slices.Contains(allowed, value), field, "there is no %q; use one of %s", value, strings.Join(allowed, ", "))
	}
	number := func(field string, v, low, high float64, cure string) {
		check(v >= low && v <= high && !math.IsInf(v, 0), field, "%v is not allowed; use %s", v, cure)
	}
	count := func(field string, v int, cure string) {
		check(v >= 1, field, "%d is not allowed; use %s", v, cure)
		check(v <= manySteps, field, "%d is more than any run needs; use at most %d", v, manySteps)
	}
	interval := func(field string, v float64) {
		const cure = "a whole number of steps, or a share of them below 1"
		number(field, v, math.SmallestNonzeroFloat64, manySteps, cure)
		check(!(v > 1 && v < manySteps) || v == math.Trunc(v), field, "%v is not allowed; use "+cure, v)
	}
	const most = math.MaxFloat64
	check(o.OutputDir != "", "output_dir", "name the directory that the run is written to")
	number("beta", o.Beta, math.SmallestNonzeroFloat64, most, "a number above 0, as 0.1")
	_, err := loss.New(o.LossType, o.LossWeights, o.Beta)
	check(err == nil, "loss_type", "%v", err)
	for _, w := range o.LossWeights {
		number("loss_weights", w, -most, most, "finite numbers")
	}
	number("learning_rate", o.LearningRate, 0, most, "0 or more")
	_, err = optim.NewSchedule(o.LRSchedulerType, 0, 1)
	check(err == nil, "lr_scheduler_type", "%v", err)
	number("warmup_steps", o.WarmupSteps, 0, manySteps, "0, a number of steps, or a share of them below 1")
	number("warmup_ratio", o.WarmupRatio, 0, 1, "a share from 0 to 1")
	check(o.WarmupSteps == 0 || o.WarmupRatio == 0, "warmup_ratio", "warmup_steps is set as well; remove one of the two")
	check(o.LRSchedulerType != "constant" || o.WarmupSteps == 0 && o.WarmupRatio == 0, "lr_scheduler_type",
		"constant has no warmup; write constant_with_warmup, or remove warmup_steps and warmup_ratio")
	count("per_device_train_batch_size", o.PerDeviceTrainBatchSize, "1 or more, as 8")
	count("gradient_accumulation_steps", o.GradientAccumulationSteps, "1 or more")
	check(o.MicroBatchTokens >= 1, "micro_batch_tokens", "%d is not allowed; use 1 or more, as 2048", o.MicroBatchTokens)
	_, err = parseBytes(o.MemoryBudget)
	check(err == nil, "memory_budget", "%v", err)
	if o.MaxSteps != -1 {
		count("max_steps", o.MaxSteps, "1 or more, or -1 for num_train_epochs")
	}
	number("num_train_epochs", o.NumTrainEpochs, math.SmallestNonzeroFloat64, manySteps, "a number above 0, as 3")
	among("train_sampling_strategy", o.TrainSamplingStrategy, SamplingRandom, SamplingSequential)
	number("max_grad_norm", o.MaxGradNorm, 0, most, "a number above 0, or 0 to leave gradients as they are")
	number("weight_decay", o.WeightDecay, 0, most, "0 or more")
	number("adam_beta1", o.AdamBeta1, 0, 1-0x1p-53, "a number from 0 to below 1, as 0.9")
	number("adam_beta2", o.AdamBeta2, 0, 1-0x1p-53, "a number from 0 to below 1, as 0.999")
	number("adam_epsilon", o.AdamEpsilon, 0, most, "0 or more, as 1e-8")
	among("optim", o.Optim, OptimAdamW, OptimAdamW8, OptimBnbAdamW)
	if o.RouterAuxLossCoef != -1 {
		number("router_aux_loss_coef", o.RouterAuxLossCoef, 0, most, "0 or more, or -1 for the model's own")
	}
	among("save_strategy", o.SaveStrategy, SaveBySteps, SaveByEpoch, SaveNothing)
	interval("save_steps", o.SaveSteps)
	check(o.SaveTotalLimit >= 0, "save_total_limit", "%d is not allowed; use 1 or more, or 0 to keep all", o.SaveTotalLimit)
	interval("logging_steps", o.LoggingSteps)
	for _, item := range o.AllowMismatch {
		among("allow_mismatch", item, comparedItems...)
	}
	number("logp_tolerance", o.LogpTolerance, 0, most, "0 or more")
	return errors.Join(faults...)
}

// stepCount makes a number of steps of one that may be a share of the total, as transformers does.
func stepCount(v float64, total int) int {
	if v < 1 {
		return int(math.Ceil(v * float64(total)))
	}
	return int(v)
}

// changed returns an error for every option that differs between a run and its resumption though it must not.
func (o Options) changed(was Options) error {
	var faults []error
	now, then := reflect.ValueOf(o), reflect.ValueOf(was)
	for i := range now.NumField() {
		field := now.Type().Field(i)
		a, b := fmt.Sprint(then.Field(i)), fmt.Sprint(now.Field(i))
		if field.Tag.Get("resume") != "free" && a != b {
			faults = append(faults, fmt.Errorf("%s: the run began with %s and would go on with %s", field.Tag.Get("yaml"), a, b))
		}
	}
	return errors.Join(faults...)
}
