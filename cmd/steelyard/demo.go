package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/steelyard-ml/steelyard"
	"github.com/steelyard-ml/steelyard/trainer"
)

func newDemo(s streams) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run precompute and train on an embedded model and embedded pairs",
		Long: `Unpacks a chat model of one million parameters and real preference pairs, computes
the reference log-probabilities, trains, and shows what came of it. It takes about a
minute on two cores.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDemo(cmd.Context(), output, s) },
	}
	cmd.Flags().StringVar(&output, "output", "steelyard-demo", "directory to make")
	return cmd
}

func runDemo(ctx context.Context, output string, s streams) error {
	if err := os.Mkdir(output, 0o755); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already: remove it, or name another directory with --output", output)
	} else if err != nil {
		return err
	}
	if err := os.CopyFS(output, steelyard.Demo()); err != nil {
		return err
	}
	model, pairs := filepath.Join(output, "model"), filepath.Join(output, "pairs.json")
	cache, run := filepath.Join(output, "cache"), filepath.Join(output, "run")

	p := defaultPrecomputeOptions()
	p.Model, p.Pairs, p.Cache = model, []string{pairs}, cache
	say(s, "precompute", "--model", model, "--pairs", pairs, "--cache", cache)
	precomputed, err := runPrecompute(ctx, p, s)
	if err != nil {
		return err
	}
	printPrecomputed(s, cache, precomputed)

	t := trainOptions{Model: model, Cache: cache, bitsOptions: defaultBitsOptions(), Options: trainer.DefaultOptions()}
	t.OutputDir, t.LearningRate, t.NumTrainEpochs, t.LoggingSteps = run, 2e-5, 5, 5
	say(s, "train", "--model", model, "--cache", cache, "--output", run, "--learning-rate", "2e-5", "--num-train-epochs", "5", "--logging-steps", "5")
	trained, err := runTrain(ctx, t, s)
	if err != nil {
		return err
	}
	printTrained(s, trained)
	return showLearned(s, run)
}

// say prints a command as a person would type it.
func say(s streams, args ...string) {
	fmt.Fprintf(s.out, "\n$ steelyard %s\n", strings.Join(args, " "))
}

// showLearned sets the first step beside the last, and lists the files.
func showLearned(s streams, run string) error {
	text, err := os.ReadFile(filepath.Join(run, "metrics.jsonl"))
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	var first, last trainer.Metrics
	if err := errors.Join(json.Unmarshal([]byte(lines[0]), &first), json.Unmarshal([]byte(lines[len(lines)-1]), &last)); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "\n%-20s %12s %12s\n", "", "first step", "last step")
	fmt.Fprintf(s.out, "%-20s %12.4f %12.4f\n", "loss", first.Loss, last.Loss)
	fmt.Fprintf(s.out, "%-20s %12.4f %12.4f\n", "rewards/margins", first.RewardsMargins, last.RewardsMargins)
	fmt.Fprintf(s.out, "%-20s %12.2f %12.2f\n", "rewards/accuracies", first.RewardsAccuracies, last.RewardsAccuracies)
	fmt.Fprintf(s.out, "\nfiles written:\n")
	return filepath.WalkDir(filepath.Dir(run), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "  %9s  %s\n", size(info.Size()), path)
		return nil
	})
}
