package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/steelyard-ml/steelyard/cache/upkeep"
	"github.com/steelyard-ml/steelyard/storage"
)

// gcOptions are the options of cache gc.
type gcOptions struct {
	dir    string
	keep   time.Duration
	dryRun bool
	asJSON bool
}

func newCacheGC(s streams) *cobra.Command {
	var o gcOptions
	cmd := &cobra.Command{
		Use:   "gc --cache DIR [--keep DURATION] [--dry-run]",
		Short: "Remove what no recent snapshot of a cache names",
		Long: `Removes older snapshots and the files that only they name, and what runs left that
never came into the cache. A snapshot is kept as long as --keep says after another
took its place, so that a training run that began on it can go on.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return runCacheGC(cmd.Context(), o, s) },
	}
	cmd.Flags().StringVar(&o.dir, "cache", "", "the cache")
	cmd.Flags().DurationVar(&o.keep, "keep", upkeep.DefaultKeep, "how long a snapshot stays after another took its place, and what a failed run left; 0: the newest alone stays")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "print what would be removed, and remove nothing")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print JSON")
	return cmd
}

func runCacheGC(ctx context.Context, o gcOptions, s streams) error {
	if err := need([2]string{"cache", o.dir}); err != nil {
		return err
	}
	if o.keep < 0 {
		return usageError{fmt.Errorf("keep: %v is negative", o.keep)}
	}
	st, err := storage.OpenURL(ctx, o.dir)
	if err != nil {
		return err
	}
	g, err := upkeep.Collect(ctx, st, upkeep.CollectOptions{Keep: o.keep, DryRun: o.dryRun})
	if o.asJSON && err == nil {
		return writeJSON(s.out, g)
	}
	// Also beside an error: what was removed is gone.
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	for _, x := range g.Removed {
		fmt.Fprintf(w, "%s\t%s\t%s\n", size(x.Bytes), x.Path, x.Why)
	}
	w.Flush()
	if err != nil {
		return err
	}
	done := "removed"
	if o.dryRun {
		done = "would remove"
	}
	fmt.Fprintf(s.out, "%s %d files, %s; %d snapshots stay, the newest is %s\n", done, len(g.Removed), size(g.Bytes), g.Kept, g.Digest)
	return nil
}
