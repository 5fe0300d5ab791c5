package pipelines

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/steelyard-ml/steelyard/pairs"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/transforms/reflogp"
	"github.com/steelyard-ml/steelyard/transforms/tokenize"
)

// Options of a run of precompute. Start from [DefaultOptions]; Inputs, Model, Cache and Execute must be set.
type Options struct {
	// Inputs are files, directories and globs of preference data.
	Inputs []string
	Pairs  pairs.Options
	// Model is the reference.
	Model reflogp.Model
	// Tokenizer is the directory of the tokenizer and its chat template. Default: that of Model.
	Tokenizer string
	// Template is the source of a chat template to use in place of the tokenizer's.
	Template string
	// Date is the day that templates get for today, as 2006-01-02. Default: the day of Started, in UTC.
	Date string
	// MaxLength, Boundary and Identical are those of tokenize.Options.
	MaxLength int
	Boundary  tokenize.Boundary
	Identical tokenize.Identical

	// Cache names the directory to make, or to grow.
	Cache string
	// TokenLogps keeps the value of every completion token beside the sums.
	TokenLogps bool
	// RollEvery bounds the time that a part stays open, and so what a killed run loses. 0 is the cache's default.
	RollEvery time.Duration
	// MaxQuarantine is the largest share of malformed rows, from 0 to 1, with which the run is done.
	MaxQuarantine float64

	// Engine, Threads and BatchTokens are those of reflogp.Options. The last two change no value.
	Engine      string
	Threads     int
	BatchTokens int

	// Execute runs the pipeline to its end and returns its counters; Runner is what the record calls that.
	Execute func(context.Context, *beam.Pipeline) (counters map[string]int64, err error)
	Runner  string
	// Program names this program in the record. Example: "steelyard 0.1.0".
	Program string
	// Started is the time of the run, now if zero; ID its name, made from Started if empty.
	Started time.Time
	ID      string
	// Record is kept in the record of the run and of its view: the options as the user gave them.
	Record map[string]any
	// Adopted, if set, is told before the pipeline runs what was taken over of runs that died, and which of their parts were damaged.
	Adopted func(adopted []schemas.Adopted, dropped []string)
	// Progress, if set, is told how far this process is: every Every (default: a second), and at the end.
	Progress func(Progress)
	Every    time.Duration
}

// DefaultOptions returns the options that a user who says nothing gets. The maximal length is TRL's.
func DefaultOptions() Options {
	return Options{
		MaxLength:     1024,
		Boundary:      tokenize.Diverge,
		Identical:     tokenize.Keep,
		TokenLogps:    true,
		MaxQuarantine: 0.05,
		Runner:        "direct",
		Program:       "steelyard",
	}
}

func (o Options) withDefaults() Options {
	if o.Tokenizer == "" {
		o.Tokenizer = o.Model.Dir
	}
	if o.Started.IsZero() {
		o.Started = time.Now()
	}
	o.Started = o.Started.UTC().Truncate(time.Second)
	if o.ID == "" {
		o.ID = NewRunID(o.Started)
	}
	if o.Date == "" {
		o.Date = o.Started.Format(time.DateOnly)
	}
	if o.Every == 0 {
		o.Every = time.Second
	}
	return o
}

// Validate returns every fault of the options that can be seen without looking at files, each beginning with the field's name.
func (o Options) Validate() error {
	o = o.withDefaults()
	var faults []error
	fault := func(bad bool, text string) {
		if bad {
			faults = append(faults, errors.New(text))
		}
	}
	fault(len(o.Inputs) == 0, "inputs: name at least one file, directory or glob of preference data")
	fault(o.Cache == "", "cache: name the directory to write")
	fault(o.Execute == nil, "execute: nothing runs the pipeline")
	fault(!(o.MaxQuarantine >= 0 && o.MaxQuarantine <= 1), fmt.Sprintf("max_quarantine: %v is no share from 0 to 1", o.MaxQuarantine))
	fault(o.Threads < 0, fmt.Sprintf("threads: %d is negative; 0 uses every core", o.Threads))
	fault(o.BatchTokens < 0, fmt.Sprintf("batch_tokens: %d is negative; 0 takes the default", o.BatchTokens))
	for _, err := range []error{o.Model.Validate(), o.Pairs.Validate(), o.tokenize().Validate()} {
		if err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// tokenize returns the options of that step, but for what the model says.
func (o Options) tokenize() tokenize.Options {
	return tokenize.Options{
		Tokenizer: o.Tokenizer, Template: o.Template, Date: o.Date,
		MaxLength: o.MaxLength, Boundary: o.Boundary, Identical: o.Identical,
		Run: o.ID,
	}
}
