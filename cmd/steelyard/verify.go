package main

import (
	"context"
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/upkeep"
	"github.com/steelyard-ml/steelyard/pipelines"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// verifyOptions are the options of verify.
type verifyOptions struct {
	Cache  string `yaml:"cache" usage:"cache to verify"`
	Model  string `yaml:"model" usage:"the reference: rows are scored again with it"`
	Sample int    `yaml:"sample" usage:"how many random rows are scored again; 0: all"`
	Seed   uint64 `yaml:"seed" usage:"which rows are scored again"`
}

func newVerify(s streams) *cobra.Command {
	o := verifyOptions{Sample: 16}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify --cache DIR [--model DIR]",
		Short: "Check a cache against its manifest and, given the model, against rows scored again",
		Args:  noArguments,
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
	st, err := storage.OpenURL(ctx, o.Cache)
	if err != nil {
		return err
	}
	check := upkeep.VerifyOptions{Sample: o.Sample, Seed: o.Seed}
	if o.Sample == 0 {
		check.Sample = math.MaxInt
	}
	if o.Model != "" {
		snapshot, err := cache.Open(ctx, st)
		if err != nil {
			return err
		}
		check.Rescore = func(ctx context.Context, rows []schemas.CachedPair) error {
			return pipelines.Rescore(ctx, o.Model, snapshot.Manifest().Fingerprint, rows)
		}
	}
	report, err := upkeep.Verify(ctx, st, check)
	if err != nil {
		return err
	}
	if asJSON {
		if err := writeJSON(s.out, report); err != nil {
			return err
		}
	} else {
		printReport(s, report)
	}
	if n := len(report.Faults) + report.More; n > 0 {
		return fmt.Errorf("%s has %d faults", st.URL(""), n)
	}
	return nil
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
		fmt.Fprintf(s.out, "; %d rows scored again, to the same bits", r.Rescored)
	}
	fmt.Fprintln(s.out)
}
