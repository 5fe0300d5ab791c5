package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/steelyard-ml/steelyard/trainer"
)

// errNoOption is returned where the command lacks an option: then there is nothing to measure.
var errNoOption = errors.New("this build has no such option")

// A training is a run of the command train over a cache, its pairs in the order of the data.
type training struct {
	command, model, cache string
	threads, steps, batch int
	warm                  int      // so many steps, the first, are not timed
	args                  []string // further ones
}

// Arguments of kinds of training.
var (
	withCheckpointing = []string{"--gradient-checkpointing"}
	withoutIt         = []string{"--gradient-checkpointing=false"}
)

func withLoRA(rank int) []string {
	return []string{"--lora-r", strconv.Itoa(rank), "--lora-alpha", strconv.Itoa(2 * rank), "--lora-target-modules", "all-linear"}
}

// A trained is what came of it.
type trained struct {
	seconds float64 // of the steps that are timed
	wall    float64
	losses  []float64
	peak    int64 // bytes
}

func (t training) run(ctx context.Context) (r trained, err error) {
	out, err := os.MkdirTemp("", "steelyard-bench-run-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(out)
	args := append([]string{"train", "--model", t.model, "--cache", t.cache, "--output", filepath.Join(out, "run"),
		"--threads", strconv.Itoa(t.threads), "--max-steps", strconv.Itoa(t.steps), "--per-device-train-batch-size", strconv.Itoa(t.batch),
		"--learning-rate", "1e-6", "--lr-scheduler-type", "constant", "--train-sampling-strategy", "sequential", "--save-strategy", "no"}, t.args...)
	cmd := exec.CommandContext(ctx, t.command, args...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(t.threads))
	var messages bytes.Buffer
	cmd.Stderr = &messages
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		if strings.Contains(messages.String(), "unknown flag") {
			return r, fmt.Errorf("%w: %s", errNoOption, strings.Join(t.args, " "))
		}
		return r, fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, &messages)
	}
	r.wall = time.Since(begin).Seconds()
	r.peak = maxRSS(cmd.ProcessState)
	text, err := os.ReadFile(filepath.Join(out, "run", "metrics.jsonl"))
	if err != nil {
		return r, err
	}
	return r, r.read(text, t.warm)
}

// maxRSS returns the most memory that a child had, in bytes. It is no less than what this process had when it started the child, which
// therefore must stay small.
func maxRSS(p *os.ProcessState) int64 {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return usage.Maxrss << 10
}

// read takes losses and, but for the first so many steps, times from metrics.jsonl.
func (r *trained) read(metrics []byte, warm int) error {
	for line := range bytes.Lines(metrics) {
		var m trainer.Metrics
		if err := json.Unmarshal(line, &m); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
		if len(r.losses) >= warm {
			r.seconds += m.StepTime
		}
		r.losses = append(r.losses, m.Loss)
	}
	return nil
}
