package runners

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/util/hooks"

	"github.com/steelyard-ml/steelyard/runners/internal/lifeline"
)

// Worker turns this process into a worker where Beam's boot started it as one, with --worker as its first argument; then it never
// returns. Anywhere else it does nothing. main calls it before anything else: a worker gets Beam's flags alone, in another directory, and
// all that it is to do comes with the pipeline.
func Worker() {
	if !startedAsWorker(os.Args) {
		return
	}
	dieWithParent()
	removeCopy()
	flag.Parse() // Beam's flags are on flag.CommandLine
	beam.Init()  // works until the runner has no more work, and then sleeps
}

// bootCopy is where boot puts the program that it starts, a hundred megabytes a worker, to leave them there for good.
var bootCopy = regexp.MustCompile(`^/tmp/bin[0-9]+/worker$`)

// removeCopy removes the copy of the program that boot made for this process alone; the process keeps what it runs.
func removeCopy() {
	if path, err := os.Executable(); err == nil && bootCopy.MatchString(path) {
		os.Remove(path)
		os.Remove(filepath.Dir(path))
	}
}

func startedAsWorker(args []string) bool {
	return len(args) > 1 && slices.Contains([]string{"--worker=true", "--worker", "-worker=true", "-worker"}, args[1])
}

// lifelineHook has a worker process hold a lifeline, whose address and token are its arguments.
const lifelineHook = "steelyard_lifeline"

func init() {
	hooks.RegisterHook(lifelineHook, func(args []string) hooks.Hook {
		return hooks.Hook{Init: func(ctx context.Context) (context.Context, error) { return ctx, holdLifeline(args) }}
	})
}

// holdLifeline has this process end with the launcher's run.
func holdLifeline(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("a lifeline takes an address and a token, not %d arguments", len(args))
	}
	ended, err := lifeline.Hold(args[0], args[1])
	if err != nil {
		return fmt.Errorf("the launcher can't be reached; workers on prism must be on its machine: %w", err)
	}
	go func() {
		<-ended
		os.Exit(0)
	}()
	return nil
}
