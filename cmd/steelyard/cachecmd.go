package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/steelyard-ml/steelyard/cache/upkeep"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

func newCache(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "What is in a cache",
		Args:  subcommands,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCacheStatus(s), newCacheExport(s))
	return cmd
}

func newCacheStatus(s streams) *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status CACHE",
		Short: "List the runs, views and parts of a cache",
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
	if o.Digest == "" {
		fmt.Fprintf(w, "%s\tnot a cache yet: no run has finished\n", url)
	} else {
		var rows, bytes int64
		for _, p := range o.Manifest.Parts {
			rows, bytes = rows+p.Rows, bytes+p.Bytes
		}
		fmt.Fprintf(w, "cache\t%s\n", url)
		fmt.Fprintf(w, "snapshot\t%s\n", o.Digest)
		fmt.Fprintf(w, "values\t%d pairs in %d parts, %s\n", rows, len(o.Manifest.Parts), size(bytes))
		for _, item := range o.Manifest.Fingerprint {
			fmt.Fprintf(w, "  %s\t%s\n", item.Name, strings.TrimSpace(item.Digest+"  "+item.Detail))
		}
	}
	for _, v := range o.Views {
		fmt.Fprintf(w, "view %s\t%d rows of %d files, %s\n", v.Name, v.Rows, len(v.Inputs), codes(v.Quarantined))
		for _, item := range v.Tokens {
			fmt.Fprintf(w, "  %s\t%s\n", item.Name, strings.TrimSpace(item.Digest+"  "+item.Detail))
		}
	}
	for _, r := range o.Runs {
		fmt.Fprintf(w, "run %s\t%s, %s, started %s by process %d on %s\n", r.ID, r.State, r.Runner, r.Started.Format("2006-01-02 15:04:05"), r.Owner.PID, r.Owner.Host)
		if r.Why != "" {
			fmt.Fprintf(w, "  why\t%s\n", r.Why)
		}
	}
	for _, l := range o.Staged {
		fmt.Fprintf(w, "not committed\trun %s: %d files, %s\n", l.Run, l.Files, size(l.Bytes))
	}
	return w.Flush()
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
