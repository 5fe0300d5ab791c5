package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/steelyard-ml/steelyard"
	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/storage"
	"github.com/steelyard-ml/steelyard/trainer"
)

// trainOptions are the options of train.
type trainOptions struct {
	Model        string `yaml:"model" usage:"directory of the model to train: the one the cache was made with"`
	Cache        string `yaml:"cache" usage:"cache that precompute made"`
	Threads      int    `yaml:"threads" usage:"threads that compute; 0: all cores"`
	ChatTemplate string `yaml:"chat_template" usage:"file with the chat template the cache was made with, where it is not the model's; saved with the trained model"`
	Adapter      string `yaml:"adapter" usage:"directory of a LoRA adapter to begin with: it is trained in place of the weights, and the cache must be made with it"`
	bitsOptions
	loraOptions
	trainer.Options
}

func newTrain(s streams) *cobra.Command {
	o := trainOptions{bitsOptions: defaultBitsOptions(), Options: trainer.DefaultOptions()}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "train --model DIR --cache DIR --output DIR",
		Short: "Train a model on a cache",
		Long: `Trains the model of --model on the pairs of --cache and writes the run to --output:
metrics.jsonl, checkpoint-N/ and, at its top, the trained model as transformers loads it.
With --adapter or any of the LoRA options an adapter is trained instead, which PEFT loads.
Options have the names and defaults of TRL's DPOConfig and ModelConfig.`,
		Args: noArguments,
	}
	resolve := options(cmd, &o, &precomputeOptions{})
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the summary as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := resolve(); err != nil {
			return err
		}
		summary, err := runTrain(cmd.Context(), o, s)
		if err != nil {
			return err
		}
		if asJSON {
			return writeJSON(s.out, summary)
		}
		printTrained(s, summary)
		return nil
	}
	return cmd
}

func runTrain(ctx context.Context, o trainOptions, s streams) (trainer.Summary, error) {
	var none trainer.Summary
	if err := need([2]string{"model", o.Model}, [2]string{"cache", o.Cache}, [2]string{"output", o.OutputDir}); err != nil {
		return none, err
	}
	err := o.Options.Validate()
	if o.Threads < 0 {
		err = errors.Join(err, fmt.Errorf("threads: %d is negative; 0 uses every core", o.Threads))
	}
	template, templateErr := readTemplate(o.ChatTemplate)
	scheme, schemeErr := o.scheme()
	if err := errors.Join(err, o.loraOptions.validate(o.Adapter), schemeErr, templateErr); err != nil {
		return none, usageError{err}
	}
	st, err := storage.OpenURL(ctx, o.Cache)
	if err != nil {
		return none, err
	}
	policy, err := openPolicy(o, scheme)
	if err != nil {
		return none, err
	}
	defer policy.close()
	unlock, err := storage.LockLocal(o.OutputDir, ".lock") // two processes in one run directory would write over each other
	if err != nil {
		return none, err
	}
	defer unlock()
	m := newMeter(s.err)
	defer m.done()
	in := trainer.Inputs{
		Policy:   policy.model,
		From:     policy.dir,
		Adapter:  policy.adapter,
		Template: template,
		Open: func(ctx context.Context, digest string) (*cache.Snapshot, error) {
			if digest == "" {
				return cache.Open(ctx, st)
			}
			return cache.OpenDigest(ctx, st, digest)
		},
		Console: m,
		Program: "steelyard " + steelyard.Version,
	}
	if m.terminal { // elsewhere the lines of logging_steps are enough
		in.Status = m.print
	}
	return trainer.Run(ctx, o.Options, in)
}

func printTrained(s streams, t trainer.Summary) {
	if t.Resumed == t.Steps {
		fmt.Fprintf(s.out, "all %d steps were taken before\nmodel   %s\n", t.Steps, t.OutputDir)
		return
	}
	fmt.Fprintf(s.out, "trained %d steps (%.2f epochs of %d pairs), mean loss %.4f\n", t.Steps, t.Epochs, t.Rows, t.TrainLoss)
	fmt.Fprintf(s.out, "model   %s\n", t.OutputDir)
}
