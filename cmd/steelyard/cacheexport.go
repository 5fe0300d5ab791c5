package main

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/export"
	"github.com/steelyard-ml/steelyard/storage"
)

// exportOptions are the options of cache export.
type exportOptions struct {
	Cache  string `yaml:"cache" usage:"cache to export from"`
	View   string `yaml:"view" usage:"data set of the cache, or all; default the newest"`
	Dedupe bool   `yaml:"dedupe" usage:"leave out rows that repeat a pair"`
	Output string `yaml:"output" usage:"Parquet file to write"`
}

func newCacheExport(s streams) *cobra.Command {
	var o exportOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "export --cache DIR --output FILE.parquet",
		Short: "Write a view with its values as one table, for other trainers",
		Long: `Writes a view of a cache, joined with its values, as one Parquet file in the view's
order, with the column names of TRL's DPOTrainer: token ids, cut to max_length, and
the reference's log-probabilities. docs/export.md says how TRL trains on it.`,
		Args: noArguments,
	}
	resolve := options(cmd, &o, &precomputeOptions{}, &trainOptions{})
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the summary as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := resolve(); err != nil {
			return err
		}
		sum, err := runCacheExport(cmd.Context(), o, s)
		if err != nil {
			return err
		}
		if asJSON {
			return writeJSON(s.out, sum)
		}
		printExported(s, sum)
		return nil
	}
	return cmd
}

func runCacheExport(ctx context.Context, o exportOptions, s streams) (export.Summary, error) {
	var none export.Summary
	if err := need([2]string{"cache", o.Cache}, [2]string{"output", o.Output}); err != nil {
		return none, err
	}
	if path.Ext(o.Output) != ".parquet" {
		return none, usageError{fmt.Errorf("output: %s does not end in .parquet, by which other programs know what it is", o.Output)}
	}
	st, err := storage.OpenURL(ctx, o.Cache)
	if err != nil {
		return none, err
	}
	snapshot, err := cache.Open(ctx, st)
	if err != nil {
		return none, err
	}
	dir, name := filepath.Split(o.Output)
	if dir == "" {
		dir = "."
	}
	dst, err := storage.OpenURL(ctx, dir)
	if err != nil {
		return none, err
	}
	m := newMeter(s.err)
	defer m.done()
	progress := func(p export.Progress) {
		m.show("rows", int64(p.Rows), int64(p.Total), float64(p.Tokens)/time.Since(m.began).Seconds(), "")
	}
	return export.Write(ctx, snapshot, dst, name, export.Options{View: o.View, Dedupe: o.Dedupe, Progress: progress})
}

func printExported(s streams, sum export.Summary) {
	fmt.Fprintf(s.out, "exported  %d rows of view %s, %d tokens\n", sum.Rows, sum.View, sum.Tokens)
	if n := len(sum.SumsOnly); n > 0 {
		fmt.Fprintf(s.out, "left out  the token columns, which %d parts lack, as %s\n", n, sum.SumsOnly[0])
	}
	fmt.Fprintf(s.out, "file      %s, %s\n", sum.File, size(sum.Bytes))
}
