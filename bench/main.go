package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/steelyard-ml/steelyard/bench/host"
	"github.com/steelyard-ml/steelyard/bench/peers"
	"github.com/steelyard-ml/steelyard/bench/report"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
)

// A bench is a run of everything.
type bench struct {
	root, dir      string // the checkout; a directory for what is in between
	model, command string
	threads        int
	maxLength      int // tokens of a sequence of the sample
	trlBatches     []int
	quick          bool

	python   peers.Python
	openBLAS *peers.OpenBLAS // nil where there is none
	sample   *sample         // nil where there are no pairs
	cache    string          // of the sample, once it is made
	pipeline pipelineResult  // how it was made
	report   *report.Report
}

// sections are the parts of a run, in its order; those that need the sample are left out without one.
var sections = []struct {
	name   string
	sample bool
	run    func(*bench, context.Context) error
}{
	{"gemm", false, (*bench).gemm},
	{"passes", true, (*bench).passes},
	{"ablation", true, (*bench).ablation},
	{"length", false, (*bench).length},
	{"shares", true, (*bench).shares},
	{"quotes", false, (*bench).quote},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	doJob(ctx)
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	b := &bench{root: "."}
	b.report = &report.Report{Versions: map[string]string{}, Command: "make bench"}
	var only, out, python, data, batches, raw, render string
	var limit int
	flag.StringVar(&b.model, "model", ".cache/smollm2", "directory of SmolLM2-135M-Instruct")
	flag.StringVar(&b.command, "steelyard", "bin/steelyard", "the program")
	flag.StringVar(&python, "python", ".cache/peers/bin/python", "Python with the peers")
	flag.StringVar(&data, "pairs", "../shared/data/dpo_en_demo.json", "JSON file of pairs in ShareGPT's layout")
	flag.StringVar(&out, "out", "docs/benchmarks.md", "page to write")
	flag.StringVar(&raw, "raw", ".cache/benchmarks.json", "file for what was measured")
	flag.StringVar(&render, "render", "", "measure nothing, write the page of such a file")
	flag.StringVar(&only, "only", "", "sections to run, of gemm,passes,ablation,length,shares,quotes; default all")
	flag.StringVar(&batches, "trl-batches", "1", "batch sizes of TRL; of those beside 1 there is one run each, as 1,4")
	flag.IntVar(&b.threads, "threads", 2, "threads of every run")
	flag.IntVar(&limit, "limit", 0, "pairs of the sample; 0: all")
	flag.BoolVar(&b.quick, "quick", false, "few and short pairs, few turns: to see that it works")
	flag.Parse()
	var flags []string
	flag.Visit(func(f *flag.Flag) {
		if !slices.Contains([]string{"model", "python", "pairs", "steelyard", "out", "raw"}, f.Name) {
			flags = append(flags, "-"+f.Name+"="+f.Value.String())
		}
	})
	if flags != nil {
		b.report.Command += fmt.Sprintf(" BENCHFLAGS=%q", strings.Join(flags, " "))
	}
	if flag.NArg() > 0 {
		return fmt.Errorf("%q: there are no arguments", flag.Args())
	}
	if render != "" {
		return again(render, out)
	}
	chosen, err := choose(only)
	if err != nil {
		return err
	}
	for s := range strings.SplitSeq(batches, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return fmt.Errorf("trl-batches: %q is no batch size", s)
		}
		b.trlBatches = append(b.trlBatches, n)
	}
	if b.maxLength = 1024; b.quick {
		b.maxLength = 128
		if limit == 0 {
			limit = 4
		}
	}
	if b.dir, err = os.MkdirTemp("", "steelyard-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := b.prepare(ctx, python, data, limit); err != nil {
		return err
	}
	if b.openBLAS != nil {
		defer b.openBLAS.Close()
	}
	begin := time.Now()
	for _, s := range sections {
		if !slices.Contains(chosen, s.name) {
			b.leaveOut("%s: not asked for", s.name)
			continue
		}
		if s.sample && b.sample == nil { // noted when it was looked for
			continue
		}
		if err := s.run(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		b.report.Took, b.report.LoadEnd = time.Since(begin), host.Load()
		if err := b.keep(raw); err != nil {
			return err
		}
	}
	if err := writePage(b.report, out); err != nil {
		return err
	}
	if n := b.report.Failures(); n > 0 {
		return fmt.Errorf("%d of the measurements failed: %s says which", n, out)
	}
	return nil
}

// choose returns the names of the sections to run.
func choose(only string) (names []string, err error) {
	for _, s := range sections {
		names = append(names, s.name)
	}
	if only == "" {
		return names, nil
	}
	wanted := strings.Split(only, ",")
	for _, name := range wanted {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("only: there is no %q; use some of %s", name, strings.Join(names, ","))
		}
	}
	return wanted, nil
}

// prepare finds out what there is to measure with. What is missing and can be left out is noted.
func (b *bench) prepare(ctx context.Context, python, data string, limit int) error {
	r := b.report
	r.Machine, r.Threads, r.Quick, r.Model = host.Describe(b.root), b.threads, b.quick, "SmolLM2-135M-Instruct"
	var err error
	for _, path := range []*string{&b.model, &b.command} {
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	d, err := checkpoint.Open(b.model)
	if err != nil {
		return fmt.Errorf("%w: make smollm2 makes one", err)
	}
	defer d.Close()
	if r.Config, err = d.Config(); err != nil {
		return err
	}
	r.Weights = weights(r.Config)
	if b.openBLAS, err = peers.StartOpenBLAS(filepath.Join(b.root, "bench/peers/c/openblas.c"), filepath.Join(b.dir, "openblas")); err != nil {
		r.OpenBLAS = "no OpenBLAS"
		b.leaveOut("OpenBLAS: %v", err)
	} else {
		r.OpenBLAS = b.openBLAS.Config
	}
	b.sample, err = takeSample(ctx, b.model, data, b.dir, b.maxLength, limit)
	switch {
	case errors.Is(err, os.ErrNotExist):
		b.leaveOut("the reference pass, training, what is saved and what is not the engine's: there are no pairs at %s", filepath.Base(data))
	case err != nil:
		return err
	}
	if _, err := os.Stat(python); err != nil {
		b.leaveOut("the peers in Python: make peers installs them")
		return nil
	}
	b.python = peers.Python{Interpreter: python, Scripts: filepath.Join(b.root, "bench/peers"), Model: b.model, Pairs: data, MaxLength: b.maxLength, Limit: limit, Threads: b.threads}
	return nil
}

// weights counts the weights of a model, a tied head once.
func weights(c *model.Config) (n int64) {
	for _, t := range c.Tensors() {
		size := int64(1)
		for _, d := range t.Shape {
			size *= int64(d)
		}
		n += size
	}
	return n
}

// threadCounts are those that products are measured on.
func (b *bench) threadCounts() []int {
	if b.threads == 1 {
		return []int{1}
	}
	return []int{1, b.threads}
}

func (b *bench) leaveOut(format string, args ...any) {
	b.report.Skipped = append(b.report.Skipped, fmt.Sprintf(format, args...))
	b.say("left out: "+format, args...)
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

// keep writes what was measured so far.
func (b *bench) keep(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return writeJSON(path, b.report)
}

// again writes the page of what was measured before.
func again(raw, out string) error {
	text, err := os.ReadFile(raw)
	if err != nil {
		return err
	}
	var r report.Report
	if err := json.Unmarshal(text, &r); err != nil {
		return fmt.Errorf("%s: %w", raw, err)
	}
	return writePage(&r, out)
}

func writePage(r *report.Report, out string) error {
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	return errors.Join(r.Write(f), f.Close())
}
