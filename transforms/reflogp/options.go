package reflogp

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/checkpoint/adapter"
	"github.com/steelyard-ml/steelyard/model/checkpoint/quant"
	"github.com/steelyard-ml/steelyard/schemas"
)

// A Model says what computes log-probabilities: a checkpoint, and what is done to it before. It travels to the workers as JSON.
type Model struct {
	// Dir is the directory of the checkpoint.
	Dir string `json:"dir"`
	// Quantize is how its linear layers are held in 4 bits; nil leaves them as they are stored.
	Quantize *quant.Scheme `json:"quantize,omitempty"`
	// Adapter is the directory of a LoRA adapter that is added to it, or "".
	Adapter string `json:"adapter,omitempty"`
	// BF16 is cpu.Options.BF16.
	BF16 bool `json:"bf16,omitempty"`
}

// Validate returns every fault of the model that can be seen without looking at its files.
func (m Model) Validate() error {
	var faults []error
	if m.Dir == "" {
		faults = append(faults, errors.New("model: name the directory of the reference checkpoint"))
	}
	if m.Quantize != nil {
		faults = append(faults, m.Quantize.Validate())
	}
	return errors.Join(faults...)
}

// Absolute returns the model with the absolute paths of its files.
func (m Model) Absolute() (Model, error) {
	var err error
	if m.Dir, err = filepath.Abs(m.Dir); err == nil && m.Adapter != "" {
		m.Adapter, err = filepath.Abs(m.Adapter)
	}
	return m, err
}

// OpenAdapter opens the adapter of the checkpoint with that configuration, or returns nil where there is none. The caller closes it.
func (m Model) OpenAdapter(c *model.Config) (*adapter.Adapter, error) {
	if m.Adapter == "" {
		return nil, nil
	}
	return adapter.Open(m.Adapter, c)
}

// Open opens the checkpoint and reads its configuration. The caller closes the directory.
func (m Model) Open() (*checkpoint.Dir, *model.Config, error) {
	d, err := checkpoint.Open(m.Dir)
	if err != nil {
		return nil, nil, err
	}
	c, err := d.Config()
	if err == nil && m.Quantize != nil {
		err = d.Quantize(c, *m.Quantize)
	}
	if err != nil {
		return nil, nil, errors.Join(err, d.Close())
	}
	return d, c, nil
}

// Options say which model scores and in what portions. They travel to the workers as JSON.
type Options struct {
	// Model is the reference, its files at the same place on every worker.
	Model Model `json:"model"`
	// Engine is the name that the engine was registered under; "" is the CPU's.
	Engine string `json:"engine,omitempty"`
	// Fingerprint is what the model must turn out to be once a worker has loaded it: what [Open] found at launch.
	Fingerprint schemas.Fingerprint `json:"fingerprint"`
	// Threads is how many threads a worker's engine uses; 0 is as many as the machine has.
	Threads int `json:"threads,omitempty"`
	// BatchTokens bounds the tokens of a batch, a shared prompt counted once. Two completions of a prompt that are longer make a batch
	// of their own. Default: DefaultBatchTokens. It changes speed and memory, never a value.
	BatchTokens int `json:"batch_tokens,omitempty"`
	// WindowRows and WindowBytes bound what a bundle gathers before it scores: pairs of a prompt share its computation where they meet
	// in a window. Defaults: 4096 rows, 64 MiB.
	WindowRows  int   `json:"window_rows,omitempty"`
	WindowBytes int64 `json:"window_bytes,omitempty"`
	// Run names the run whose progress is counted.
	Run string `json:"run,omitempty"`
}

// DefaultBatchTokens is how many tokens go through the model at a time.
const DefaultBatchTokens = 4096

func (o Options) withDefaults() Options {
	if o.BatchTokens == 0 {
		o.BatchTokens = DefaultBatchTokens
	}
	if o.WindowRows == 0 {
		o.WindowRows = 4096
	}
	if o.WindowBytes == 0 {
		o.WindowBytes = 64 << 20
	}
	return o
}

// Validate returns every fault of the options, each beginning with the field's name.
func (o Options) Validate() error {
	var faults []error
	if err := o.Model.Validate(); err != nil {
		faults = append(faults, err)
	}
	if _, err := engineOf(o.Engine); err != nil {
		faults = append(faults, err)
	}
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"threads", int64(o.Threads)}, {"batch_tokens", int64(o.BatchTokens)},
		{"window_rows", int64(o.WindowRows)}, {"window_bytes", o.WindowBytes},
	} {
		if f.value < 0 {
			faults = append(faults, fmt.Errorf("%s: %d is negative; 0 takes the default", f.name, f.value))
		}
	}
	return errors.Join(faults...)
}
