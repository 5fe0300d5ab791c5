package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/steelyard-ml/steelyard/cache/upkeep"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/pairs"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

func newInspect(s streams) *cobra.Command {
	rows := 3
	cmd := &cobra.Command{
		Use:   "inspect PATH",
		Short: "Say what is in pairs, a cache or a model directory",
		Args:  exactly(1, "one PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := args[0]
			switch {
			case present(path, "manifest.json"):
				st, err := storage.OpenURL(cmd.Context(), path)
				if err != nil {
					return err
				}
				o, err := upkeep.Status(cmd.Context(), st)
				if err != nil {
					return err
				}
				return printStatus(s.out, st.URL(""), o)
			case present(path, "config.json"):
				return inspectModel(s.out, path)
			}
			return inspectPairs(cmd, s, path, rows)
		},
	}
	cmd.Flags().IntVar(&rows, "rows", rows, "how many pairs to show")
	return cmd
}

func present(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}

func inspectModel(out io.Writer, path string) error {
	c, err := checkpoint.ReadConfig(path)
	if err != nil {
		return err
	}
	d, err := checkpoint.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	weights := 0
	dtypes := map[checkpoint.DType]int{}
	for _, spec := range c.Tensors() {
		t, err := d.Tensor(spec.Name)
		if err != nil {
			return err
		}
		weights += t.Len()
		dtypes[t.DType]++
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "model\t%s\n", path)
	fmt.Fprintf(w, "architecture\t%s, %d heads of width %d over %d key-value heads, vocabulary %d, %d positions\n",
		c, c.Heads, c.HeadDim, c.KVHeads, c.Vocab, c.MaxPositions)
	fmt.Fprintf(w, "weights\t%d", weights)
	for _, t := range []checkpoint.DType{checkpoint.F32, checkpoint.BF16, checkpoint.F16, checkpoint.NF4, checkpoint.FP4} {
		if dtypes[t] > 0 {
			fmt.Fprintf(w, ", %d tensors of %s", dtypes[t], t)
		}
	}
	fmt.Fprintln(w)
	state := "complete"
	if err := d.Validate(c); err != nil {
		state = strings.ReplaceAll(err.Error(), "\n", "\n\t")
	}
	fmt.Fprintf(w, "tensors\t%s\n", state)
	digest, err := d.WeightsDigest(c)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "weights digest\t%s\n", digest)
	tokenizer, err := checkpoint.TokenizerDigest(path)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "tokenizer\t%s\n", tokenizer)
	template := "yes"
	if _, err := checkpoint.ChatTemplate(path); err != nil {
		template = err.Error()
	}
	fmt.Fprintf(w, "chat template\t%s\n", template)
	return w.Flush()
}

var kinds = map[schemas.Kind]string{schemas.KindText: "text", schemas.KindChat: "chat", schemas.KindTokens: "token ids"}

// inspectPairs counts rows by what they were read as, and shows the first.
func inspectPairs(cmd *cobra.Command, s streams, path string, show int) error {
	ctx := cmd.Context()
	inputs, err := pairs.Inputs(ctx, []string{path})
	if err != nil {
		return err
	}
	items, err := pairs.Plan(ctx, inputs, pairs.Options{})
	if err != nil {
		return err
	}
	rows, found, refused := 0, map[schemas.Kind]int{}, map[schemas.Code]int64{}
	for _, item := range items {
		err := pairs.Read(ctx, item, pairs.Options{}, func(p schemas.Pair) error {
			if rows < show {
				showPair(s.out, item.Path, p)
			}
			rows++
			found[p.Kind]++
			return nil
		}, func(q schemas.Quarantined) error {
			refused[q.Code]++
			return nil
		})
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(s.out, "%d pairs in %d files", rows, len(inputs))
	for _, kind := range []schemas.Kind{schemas.KindChat, schemas.KindText, schemas.KindTokens} {
		if found[kind] > 0 {
			fmt.Fprintf(s.out, ", %d as %s", found[kind], kinds[kind])
		}
	}
	fmt.Fprintf(s.out, "; %s\n", codes(refused))
	return nil
}

func showPair(out io.Writer, path string, p schemas.Pair) {
	fmt.Fprintf(out, "%s, row at %d, read as %s\n", path, p.Source.Pos, kinds[p.Kind])
	sides := [][2]string{{"prompt", p.Prompt}, {"chosen", p.Chosen}, {"rejected", p.Rejected}}
	if p.Kind == schemas.KindTokens {
		sides = [][2]string{{"prompt", fmt.Sprint(p.PromptIDs)}, {"chosen", fmt.Sprint(p.ChosenIDs)}, {"rejected", fmt.Sprint(p.RejectedIDs)}}
	}
	for _, side := range append(sides, [2]string{"tools", p.Tools}, [2]string{"meta", p.Meta}) {
		if side[1] != "" {
			fmt.Fprintf(out, "  %-9s%s\n", side[0], shorten(side[1], 400))
		}
	}
}

// shorten cuts a text after so many characters and shows line breaks as such.
func shorten(text string, most int) string {
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return strings.ReplaceAll(text, "\n", `\n`)
}
