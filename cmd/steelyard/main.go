// Steelyard trains language models on preference pairs against a reference that is weighed once. See the README.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/steelyard-ml/steelyard/runners"
)

func main() {
	runners.Worker()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdout, os.Stderr}))
}
