package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/upkeep"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

func newCache(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "What is in a cache, and what it can do without",
		Args:  subcommands,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCacheStatus(s), newCacheGC(s), newCacheExport(s))
	return cmd
}

func newCacheStatus(s streams) *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status CACHE",
		Short: "List the runs, views and parts of a cache, and what its views share",
		Args: func(cmd *cobra.Command, args []string) error {
			if dir != "" { // named by a flag, as other commands have it
				return noArguments(cmd, args)
			}
			return exactly(1, "CACHE")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if dir == "" {
				dir = args[0]
			}
			st, err := storage.OpenURL(cmd.Context(), dir)
			if err != nil {
				return err
			}
			o, err := upkeep.Status(cmd.Context(), st)
			if err != nil {
				return err
			}
			if o.Digest == "" && len(o.Runs) == 0 {
				return fmt.Errorf("%s holds no cache and no run", st.URL(""))
			}
			if o.Digest != "" {
				shared, err := upkeep.Share(cmd.Context(), st, "")
				switch {
				case err == nil:
					o.Sharing = &shared
				case errors.Is(err, cache.ErrDamaged):
					o.Damaged = append(o.Damaged, err.Error())
				default:
					return err
				}
			}
			if asJSON {
				return writeJSON(s.out, o)
			}
			return printStatus(s.out, st.URL(""), o)
		},
	}
	cmd.Flags().StringVar(&dir, "cache", "", "the cache, in place of CACHE")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printStatus(out io.Writer, url string, o upkeep.Overview) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	if o.Digest == "" {
		line(url, "not a cache yet: no run has finished")
	} else {
		var bytes int64
		for _, p := range o.Manifest.Parts {
			bytes += p.Bytes
		}
		line("cache", "%s", url)
		line("snapshot", "%s of %s", o.Digest, o.Manifest.Created.Format(time.DateTime))
		line("values", "%s", values(o, size(bytes)))
		for _, item := range o.Manifest.Fingerprint {
			line("  "+item.Name, "%s", strings.TrimSpace(item.Digest+"  "+item.Detail))
		}
	}
	if o.Holder != "" {
		line("held", "%s", o.Holder)
	}
	for i, v := range o.Views {
		line("view "+v.Name, "%d rows of %d files, %s", v.Rows, len(v.Inputs), codes(v.Quarantined))
		if o.Sharing != nil {
			line("  pairs", "%s", use(o.Sharing.Views[i]))
		}
		for _, item := range v.Tokens {
			line("  "+item.Name, "%s", strings.TrimSpace(item.Digest+"  "+item.Detail))
		}
	}
	for _, d := range o.Damaged {
		line("damaged", "%s; steelyard verify tells what to do", d)
	}
	for _, r := range o.Runs {
		line("run "+r.ID, "%s, %s, started %s by process %d on %s", r.State, r.Runner, r.Started.Format(time.DateTime), r.Owner.PID, r.Owner.Host)
		if r.Why != "" {
			line("  why", "%s", r.Why)
		}
		line("  did", "%s", did(r))
		for _, p := range o.Parts {
			if p.Run == r.ID {
				line("  parts", "%d of %d values, %s", p.Parts, p.Rows, size(p.Bytes))
			}
		}
	}
	for _, l := range o.Staged {
		line("not committed", "run %s: %d files, %s%s", l.Run, l.Files, size(l.Bytes), waiting(l, o.Holder))
	}
	return w.Flush()
}

// values says how many values there are, and how many no view needs.
func values(o upkeep.Overview, bytes string) string {
	if o.Sharing == nil {
		var rows int64
		for _, p := range o.Manifest.Parts {
			rows += p.Rows
		}
		return fmt.Sprintf("%d rows in %d parts, %s", rows, len(o.Manifest.Parts), bytes)
	}
	text := fmt.Sprintf("%d pairs in %d parts, %s", o.Sharing.Pairs, len(o.Manifest.Parts), bytes)
	if o.Sharing.Unused > 0 {
		text += fmt.Sprintf("; %d pairs, about %s, are in no view", o.Sharing.Unused, size(o.Sharing.UnusedBytes))
	}
	return text
}

// use says what a view shares with others.
func use(u upkeep.Use) string {
	text := fmt.Sprintf("%d distinct, %d of them in other views too, %d in this alone", u.Pairs, u.Shared, u.Alone)
	if u.Missing > 0 {
		text += fmt.Sprintf("; %d have no value, steelyard verify tells what to do", u.Missing)
	}
	return text
}

// did says what a run did.
func did(r schemas.Run) string {
	text := fmt.Sprintf("%d rows, %d of them reused; %d values from %d tokens", r.Counts.Rows, r.Counts.Reused, r.Counts.Scored, r.Counts.Tokens)
	for _, a := range r.Adopted {
		text += fmt.Sprintf("; took over %d parts of %d values of run %s", a.Parts, a.Rows, a.Run)
	}
	return text
}

// waiting says what becomes of what a run staged.
func waiting(l upkeep.Leftover, holder string) string {
	switch {
	case len(l.Differs) > 0:
		return fmt.Sprintf("; of another reference (%s), so that it stays until cache gc", strings.Join(l.Differs, ", "))
	case holder != "":
		return fmt.Sprintf("; %d whole parts of %d values so far", l.Parts, l.Rows)
	}
	return fmt.Sprintf("; %d whole parts of %d values wait for the next run, which takes them over", l.Parts, l.Rows)
}

// codes says how many rows were not scored, and why.
func codes(n map[schemas.Code]int64) string {
	if len(n) == 0 {
		return "none quarantined"
	}
	var out []string
	for _, code := range slices.Sorted(maps.Keys(n)) {
		out = append(out, fmt.Sprintf("%s %d", code, n[code]))
	}
	return "not scored: " + strings.Join(out, ", ")
}

// size is a number of bytes for people. Example: "12.3 MB".
func size(bytes int64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB"}
	x, i := float64(bytes), 0
	for x >= 1000 && i < len(units)-1 {
		x, i = x/1000, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d bytes", bytes)
	}
	return fmt.Sprintf("%.1f %s", x, units[i])
}

// exactly asks for n arguments of that name.
func exactly(n int, name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{fmt.Errorf("want %s, got %q", name, args)}
		}
		return nil
	}
}

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
