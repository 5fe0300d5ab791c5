package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/steelyard-ml/steelyard"
	"github.com/steelyard-ml/steelyard/cache/upkeep"
	"github.com/steelyard-ml/steelyard/pipelines"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
	"github.com/steelyard-ml/steelyard/transforms/reflogp"
)

// verifyOptions are the options of verify.
type verifyOptions struct {
	Cache   string `yaml:"cache" usage:"cache to verify"`
	Model   string `yaml:"model" usage:"the reference: rows are scored again with it"`
	Adapter string `yaml:"adapter" usage:"directory of a LoRA adapter that belongs to the reference"`
	bitsOptions
	Sample int    `yaml:"sample" usage:"how many random rows of values are scored again; 0: all"`
	Seed   uint64 `yaml:"seed" usage:"which rows are scored again"`
	Repair bool   `yaml:"repair" usage:"mend what is wrong; what is lost is scored again with the model"`
}

func newVerify(s streams) *cobra.Command {
	o := verifyOptions{bitsOptions: defaultBitsOptions(), Sample: 16}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify --cache DIR [--model DIR] [--repair]",
		Short: "Check a cache against its manifest and, given the model, against rows scored again",
		Long: `Reads every file of a cache and checks it; with --model it also scores rows again
and compares the values to the bit. --repair drops what fails and scores it again
from the token ids that can still be read; it says what only precompute over the
same data can bring back. It ends with 0 only if the cache is sound.`,
		Args: noArguments,
	}
	resolve := options(cmd, &o, &precomputeOptions{}, &trainOptions{})
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := resolve(); err != nil {
			return err
		}
		return runVerify(cmd.Context(), o, s, asJSON)
	}
	return cmd
}

func runVerify(ctx context.Context, o verifyOptions, s streams, asJSON bool) error {
	if err := need([2]string{"cache", o.Cache}); err != nil {
		return err
	}
	if o.Sample < 0 {
		return usageError{fmt.Errorf("sample: %d is negative; 0 is all rows", o.Sample)}
	}
	scheme, err := o.scheme()
	if err != nil {
		return usageError{err}
	}
	st, err := storage.OpenURL(ctx, o.Cache)
	if err != nil {
		return err
	}
	check := upkeep.VerifyOptions{Sample: o.Sample, Seed: o.Seed}
	if o.Sample == 0 {
		check.Sample = math.MaxInt
	}
	m := newMeter(s.err)
	defer m.done()
	if o.Model != "" {
		r := pipelines.NewRescorer(reflogp.Model{Dir: o.Model, Adapter: o.Adapter, Quantize: scheme, BF16: o.BF16})
		defer r.Close()
		check.Score = showRescored(m, r.Score)
	}
	var report upkeep.Report
	if o.Repair {
		var repaired upkeep.Repaired
		repaired, err = upkeep.Repair(ctx, st, upkeep.RepairOptions{VerifyOptions: check, Run: pipelines.RepairRun("steelyard " + steelyard.Version)})
		m.done()
		report = repaired.Report
		if asJSON && err == nil {
			err = writeJSON(s.out, repaired)
		} else {
			printRepaired(s, repaired)
		}
	} else {
		report, err = upkeep.Verify(ctx, st, check)
		m.done()
		if asJSON && err == nil {
			err = writeJSON(s.out, report)
		}
	}
	if err != nil {
		return err
	}
	if !asJSON {
		printReport(s, report)
	}
	if n := len(report.Faults) + report.More; n > 0 {
		return fmt.Errorf("%s has %d faults, the first: %s", st.URL(""), n, report.Faults[0])
	}
	return nil
}

// showRescored shows how far a Score is.
func showRescored(m *meter, score upkeep.Score) upkeep.Score {
	began := time.Now()
	var rows, tokens int64
	return func(ctx context.Context, made schemas.Fingerprint, in []schemas.TokenPair, scored func(schemas.CachedPair), refused func(schemas.Quarantined)) error {
		return score(ctx, made, in, func(p schemas.CachedPair) {
			rows++
			tokens += int64(len(p.PromptIDs) + len(p.ChosenIDs) + len(p.RejectedIDs))
			m.show("rows scored again", rows, 0, float64(tokens)/time.Since(began).Seconds(), "")
			scored(p)
		}, refused)
	}
}

func printRepaired(s streams, r upkeep.Repaired) {
	for _, line := range r.Done {
		fmt.Fprintf(s.out, "repaired  %s\n", line)
	}
}

func printReport(s streams, r upkeep.Report) {
	for _, f := range r.Faults {
		fmt.Fprintln(s.out, f)
	}
	if r.More > 0 {
		fmt.Fprintf(s.out, "and %d more\n", r.More)
	}
	if !r.OK() {
		return
	}
	fmt.Fprintf(s.out, "sound: snapshot %s, %d files, %s, %d values, %d rows of views", r.Digest, r.Files, size(r.Bytes), r.Rows, r.ViewRows)
	if r.Rescored > 0 {
		fmt.Fprintf(s.out, "; %d values scored again, to the same bits", r.Rescored)
	}
	fmt.Fprintln(s.out)
}
