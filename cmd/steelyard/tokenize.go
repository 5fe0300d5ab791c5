package main

import (
	"bufio"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/steelyard-ml/steelyard/pairs"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/transforms/tokenize"
)

func newTokenize(s streams) *cobra.Command {
	o := defaultDataOptions()
	cmd := &cobra.Command{
		Use:   "tokenize --model DIR --pairs FILE…",
		Short: "Print pairs as token ids",
		Long: `Prints a JSON line a pair with its token ids, cut as precompute cuts them. DIR needs no
weights: a directory with tokenizer.json, tokenizer_config.json and a chat template is
enough. Rows that precompute would quarantine are printed to standard error.`,
		Args: takesPairs,
	}
	resolve := options(cmd, &o, &precomputeOptions{}, &trainOptions{})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := resolve(); err != nil {
			return err
		}
		return runTokenize(cmd, o, s)
	}
	return cmd
}

// tokenLine is a line that tokenize prints.
type tokenLine struct {
	PairID            schemas.PairID `json:"pair_id"`
	File              int32          `json:"source_file"`
	Pos               int64          `json:"source_pos"`
	PromptIDs         []int32        `json:"prompt_ids"`
	ChosenIDs         []int32        `json:"chosen_ids"`
	RejectedIDs       []int32        `json:"rejected_ids"`
	ChosenTruncated   bool           `json:"chosen_truncated"`
	RejectedTruncated bool           `json:"rejected_truncated"`
}

func runTokenize(cmd *cobra.Command, o dataOptions, s streams) error {
	if err := need([2]string{"model", o.Model}, [2]string{"pairs", first(o.Pairs)}); err != nil {
		return err
	}
	t, err := o.checked()
	if err != nil {
		return err
	}
	if t.Vocab, t.Positions, err = limits(o.Model); err != nil {
		return err
	}
	encoder, err := tokenize.NewEncoder(t)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	inputs, err := pairs.Inputs(ctx, o.Pairs)
	if err != nil {
		return err
	}
	items, err := pairs.Plan(ctx, inputs, o.reader())
	if err != nil {
		return err
	}
	out := bufio.NewWriter(s.out)
	lines, refused := json.NewEncoder(out), 0
	bad := func(q schemas.Quarantined) error {
		refused++
		fmt.Fprintf(s.err, "%s, row at %d: %s: %s\n", q.Path, q.Source.Pos, q.Code, q.Reason)
		return nil
	}
	for _, item := range items {
		err := pairs.Read(ctx, item, o.reader(), func(p schemas.Pair) error {
			tokens, q := encoder.Encode(p)
			if q != nil {
				q.Path = item.Path
				return bad(*q)
			}
			return lines.Encode(tokenLine{tokens.ID, tokens.Source.File, tokens.Source.Pos, tokens.PromptIDs, tokens.ChosenIDs, tokens.RejectedIDs,
				tokens.ChosenTruncated, tokens.RejectedTruncated})
		}, bad)
		if err != nil {
			return err
		}
	}
	if refused > 0 {
		fmt.Fprintf(s.err, "%d rows would be quarantined\n", refused)
	}
	return out.Flush()
}

// takesPairs lets further file names follow --pairs: --pairs a.jsonl b.jsonl, as a shell expands a glob.
func takesPairs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 && !cmd.Flags().Changed("pairs") {
		return usageError{fmt.Errorf("%q follows no --pairs", args[0])}
	}
	for _, arg := range args {
		if err := cmd.Flags().Set("pairs", arg); err != nil {
			return err
		}
	}
	return nil
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
