package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/steelyard-ml/steelyard"
	"github.com/steelyard-ml/steelyard/internal/config"
	"github.com/steelyard-ml/steelyard/pipelines"
	"github.com/steelyard-ml/steelyard/runners"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/transforms/reflogp"
)

// precomputeOptions are the options of precompute.
type precomputeOptions struct {
	dataOptions
	bitsOptions

	Adapter       string        `yaml:"adapter" usage:"directory of a LoRA adapter that belongs to the reference"`
	Cache         string        `yaml:"cache" usage:"directory of the cache to make or to grow"`
	Runner        string        `yaml:"runner" usage:"what runs the pipeline: direct or prism"`
	TokenLogps    bool          `yaml:"token_logps" usage:"keep the value of every completion token beside the sums"`
	MaxQuarantine float64       `yaml:"max_quarantine" usage:"share of malformed rows above which the run fails"`
	BatchTokens   int           `yaml:"batch_tokens" usage:"tokens that go through the model at a time; changes no value"`
	Threads       int           `yaml:"threads" usage:"threads that compute; 0: all cores; changes no value"`
	RollEvery     time.Duration `yaml:"roll_every" usage:"longest time that a part stays open; 0: a minute"`
}

func defaultPrecomputeOptions() precomputeOptions {
	d := pipelines.DefaultOptions()
	return precomputeOptions{dataOptions: defaultDataOptions(), bitsOptions: defaultBitsOptions(), Runner: d.Runner, TokenLogps: d.TokenLogps, MaxQuarantine: d.MaxQuarantine,
		BatchTokens: reflogp.DefaultBatchTokens}
}

func newPrecompute(s streams) *cobra.Command {
	o := defaultPrecomputeOptions()
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "precompute --model DIR --pairs FILE… --cache DIR",
		Short: "Write the reference's log-probabilities of preference pairs into a cache",
		Long: `Reads preference pairs, tokenizes them, computes their log-probabilities under the
reference model of --model, and writes them to --cache. Rows that can't be scored
go to quarantine, each with a code and a reason.

The cache may be there already: then only pairs that it lacks are scored, and its
newest view becomes exactly the data set given. What a run that died had finished is
taken over. Flags of Apache Beam are understood too, under their own names.`,
		Args: takesPairs,
	}
	resolve := options(cmd, &o, &trainOptions{})
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the run's record as JSON")
	addBeamFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := resolve(); err != nil {
			return err
		}
		summary, err := runPrecompute(cmd.Context(), o, s)
		if err != nil {
			return err
		}
		if asJSON {
			return writeJSON(s.out, summary.Run)
		}
		printPrecomputed(s, o.Cache, summary)
		return nil
	}
	return cmd
}

// workerFlags are those that Beam's boot starts a worker with.
var workerFlags = []string{"worker", "id", "logging_endpoint", "control_endpoint", "semi_persist_dir", "options"}

// addBeamFlags lets Apache Beam's own flags be given, and keeps them out of the help. Where both have a name, it is ours.
func addBeamFlags(set *pflag.FlagSet) {
	flag.CommandLine.VisitAll(func(f *flag.Flag) {
		if set.Lookup(f.Name) == nil && !slices.Contains(workerFlags, f.Name) {
			set.AddGoFlag(f)
			set.Lookup(f.Name).Hidden = true
		}
	})
}

func runPrecompute(ctx context.Context, o precomputeOptions, s streams) (pipelines.Summary, error) {
	var none pipelines.Summary
	if err := need([2]string{"model", o.Model}, [2]string{"pairs", first(o.Pairs)}, [2]string{"cache", o.Cache}); err != nil {
		return none, err
	}
	p, err := o.pipeline()
	if err != nil {
		return none, err
	}
	m := newMeter(s.err)
	defer m.done()
	p.Progress = func(now pipelines.Progress) {
		if runners.OnPool() {
			m.say("running for " + now.Elapsed.Round(time.Second).String() + " in worker processes")
			return
		}
		more := ""
		if now.Quarantined > 0 {
			more = fmt.Sprintf(", %d not scored", now.Quarantined)
		}
		m.show("rows", now.Rows, now.Total-now.Quarantined, now.TokensPerSecond, more)
	}
	p.Adopted = func(adopted []schemas.Adopted, dropped []string) {
		for _, a := range adopted {
			fmt.Fprintf(m, "took over %d parts with %d pairs that the run %s had finished\n", a.Parts, a.Rows, a.Run)
		}
		for _, what := range dropped {
			fmt.Fprintf(m, "dropped a part of a run that died, its pairs are scored again: %s\n", what)
		}
	}
	runners.Init()
	return pipelines.RunPrecompute(ctx, p)
}

// pipeline returns the options as the pipeline takes them, or every fault of them.
func (o *precomputeOptions) pipeline() (pipelines.Options, error) {
	t, err := o.encoder()
	scheme, schemeErr := o.scheme()
	p := pipelines.DefaultOptions()
	p.Inputs, p.Pairs, p.Cache = o.Pairs, o.reader(), o.Cache
	p.Model = reflogp.Model{Dir: o.Model, Adapter: o.Adapter, Quantize: scheme, BF16: o.BF16}
	p.Template, p.Date, p.MaxLength, p.Boundary, p.Identical = t.Template, t.Date, t.MaxLength, t.Boundary, t.Identical
	p.TokenLogps, p.MaxQuarantine, p.RollEvery = o.TokenLogps, o.MaxQuarantine, o.RollEvery
	p.Threads, p.BatchTokens, p.Runner = o.Threads, o.BatchTokens, o.Runner
	p.Program = "steelyard " + steelyard.Version
	o.TemplateDate = t.Date // the record keeps what was used
	p.Record = config.Record(o)
	p.Execute = func(ctx context.Context, b *beam.Pipeline) (map[string]int64, error) {
		result, err := runners.Run(ctx, o.Runner, b)
		return result.Counters, err
	}
	if err := errors.Join(err, schemeErr, runners.Check(o.Runner), p.Validate()); err != nil {
		return p, usageError{err}
	}
	return p, nil
}

func printPrecomputed(s streams, dir string, p pipelines.Summary) {
	c := p.Run.Counts
	took := p.Elapsed.Round(10 * time.Millisecond)
	if c.Scored == 0 {
		fmt.Fprintf(s.out, "scored  nothing for %d rows, in %s\n", c.Rows, took)
	} else {
		tokens := c.Tokens
		if n, counted := p.Counters["steelyard/tokens"]; counted {
			tokens = n // without what pairs share
		}
		fmt.Fprintf(s.out, "scored  %d pairs for %d rows, %d tokens in %s (%.0f tokens/s)\n", c.Scored, c.Rows, tokens, took, float64(tokens)/p.Elapsed.Seconds())
	}
	if c.Reused > 0 {
		fmt.Fprintf(s.out, "reused  %d rows, whose values were in the cache\n", c.Reused)
	}
	notes := []string{codes(c.Quarantined)}
	for _, n := range []struct {
		count int64
		what  string
	}{{c.Truncated, "cut at max_length"}, {c.Identical, "with identical completions"}, {c.Diverged, "whose prompt is no token prefix"}} {
		if n.count > 0 {
			notes = append(notes, fmt.Sprintf("%d rows %s", n.count, n.what))
		}
	}
	fmt.Fprintf(s.out, "rows    %s\n", strings.Join(notes, "; "))
	if len(c.Quarantined) > 0 {
		fmt.Fprintf(s.out, "why     %s\n", filepath.Join(dir, "quarantine", p.Run.ID))
	}
	fmt.Fprintf(s.out, "cache   %s\n", dir)
}
