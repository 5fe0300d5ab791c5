package reflogp

import (
	"errors"
	"fmt"

	"github.com/steelyard-ml/steelyard/schemas"
)

// Options say which model scores and in what portions. They travel to the workers as JSON.
type Options struct {
	// Model is the directory of the reference checkpoint, at the same place on every worker.
	Model string `json:"model"`
	// Engine is the name that the engine was registered under; "" is the CPU's.
	Engine string `json:"engine,omitempty"`
	// Fingerprint is what the model must turn out to be once a worker has loaded it: what [Open] found at launch.
	Fingerprint schemas.Fingerprint `json:"fingerprint"`
	// Threads is how many threads a worker's engine uses; 0 is as many as the machine has.
	Threads int `json:"threads,omitempty"`
	// BatchTokens bounds the tokens of a batch, a shared prompt counted once. A pair that is longer makes a batch of its own.
	// Default: DefaultBatchTokens. It changes speed and memory, never a value.
	BatchTokens int `json:"batch_tokens,omitempty"`
	// WindowRows and WindowBytes bound what a bundle gathers before it scores. Defaults: 4096 rows, 64 MiB.
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
	if o.Model == "" {
		faults = append(faults, errors.New("model: name the directory of the reference checkpoint"))
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
