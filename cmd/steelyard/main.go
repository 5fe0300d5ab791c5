// Steelyard trains language models on preference pairs against a reference that is weighed once. See the README.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/steelyard-ml/steelyard"
	"github.com/steelyard-ml/steelyard/internal/config"
	"github.com/steelyard-ml/steelyard/runners"
)

func main() {
	runners.Worker()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdout, os.Stderr}))
}

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// streams are where a command writes: what was asked for to out, progress and messages to err.
type streams struct{ out, err io.Writer }

// A usageError is a mistake in the command line or the configuration, not in what the command found.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run runs a command line and returns its exit code.
func run(ctx context.Context, args []string, s streams) int {
	root := newRoot(s)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	var usage usageError
	switch {
	case errors.As(err, &usage):
		fmt.Fprintf(s.err, "steelyard: %s\n\nSee %s --help.\n", indent(err.Error()), cmd.CommandPath())
		return exitUsage
	case ctx.Err() != nil:
		fmt.Fprintf(s.err, "steelyard: interrupted: %s\n", indent(err.Error()))
		return exitFailed
	}
	fmt.Fprintf(s.err, "steelyard: %s\n", indent(err.Error()))
	return exitFailed
}

// indent sets the further lines of a message off from its first.
func indent(message string) string { return strings.ReplaceAll(message, "\n", "\n  ") }

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "steelyard",
		Short: "Direct preference optimization with a reference model that is weighed once",
		Long: `Steelyard trains language models on preference pairs (DPO). "precompute" writes the
log-probabilities of the reference model into a cache, once; "train" streams them
into a policy-only training step, as often as you like.`,
		Version:       steelyard.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          subcommands,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(newPrecompute(s), newTrain(s), newTokenize(s), newCache(s), newVerify(s), newInspect(s), newDemo(s))
	return root
}

// subcommands refuses the name of a command that there is not.
func subcommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		return usageError{fmt.Errorf("there is no command %q; did you mean %s?", args[0], strings.Join(like, " or "))}
	}
	return usageError{fmt.Errorf("there is no command %q", args[0])}
}

// noArguments is for commands that are told everything by flags.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%q belongs to no flag", args[0])}
	}
	return nil
}

// options declares a command's flags from its options and returns what fills them in, from the file of --config, the environment and
// the flags. others are the options of commands that may share the file.
func options(cmd *cobra.Command, opts any, others ...any) (resolve func() error) {
	config.Flags(cmd.Flags(), opts)
	file := cmd.Flags().String("config", "", "a YAML file of options, under the names of the flags (learning_rate: 1e-6)")
	return func() error {
		err := config.Resolve(opts, config.Sources{File: *file, Env: os.Environ(), Flags: cmd.Flags(), Others: others})
		if err != nil {
			return usageError{err}
		}
		return nil
	}
}

// need returns a usage error naming every option that is empty.
func need(values ...[2]string) error {
	var missing []error
	for _, v := range values {
		if v[1] == "" {
			missing = append(missing, fmt.Errorf("--%s is missing", v[0]))
		}
	}
	if err := errors.Join(missing...); err != nil {
		return usageError{err}
	}
	return nil
}

// writeJSON prints a value for machines.
func writeJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
