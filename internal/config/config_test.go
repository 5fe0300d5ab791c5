package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/steelyard-ml/steelyard/internal/config"
)

type shared struct {
	Model string `yaml:"model" usage:"a model directory"`
}

type options struct {
	shared
	Rate    float64           `yaml:"learning_rate" usage:"step size"`
	Steps   int               `yaml:"max_steps" usage:"steps"`
	Seed    uint64            `yaml:"seed" usage:"seed"`
	Dedupe  bool              `yaml:"dedupe" usage:"a pair once"`
	Pairs   []string          `yaml:"pairs" usage:"files"`
	Columns map[string]string `yaml:"columns" usage:"names"`
	Roll    time.Duration     `yaml:"roll_every" usage:"time"`
	Output  string            `yaml:"output" alias:"output_dir" usage:"a directory"`
	Weights []float64         `yaml:"loss_weights" usage:"numbers"`
	Skipped chan int
}

type other struct {
	Runner string `yaml:"runner" usage:"a runner"`
}

func resolve(t *testing.T, file string, env, args []string) (options, error) {
	t.Helper()
	o := options{Rate: 1e-6, Steps: -1, Roll: time.Minute}
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.Flags(set, &o)
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	path := ""
	if file != "" {
		path = filepath.Join(t.TempDir(), "run.yaml")
		if err := os.WriteFile(path, []byte(file), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	err := config.Resolve(&o, config.Sources{File: path, Env: env, Flags: set, Others: []any{&other{}}})
	return o, err
}

func TestOrderOfSources(t *testing.T) {
	file := "# a run\nmodel: a\nlearning_rate: 1e-4\nmax_steps: 7\nrunner: prism\npairs: [x.jsonl, y.jsonl]\ncolumns:\n  prompt: question\n"
	got, err := resolve(t, file, []string{"STEELYARD_MAX_STEPS=8", "STEELYARD_SEED=18446744073709551615", "OTHER=1"},
		[]string{"--learning-rate", "3e-4", "--dedupe", "--roll-every=5s"})
	if err != nil {
		t.Fatal(err)
	}
	want := options{shared: shared{"a"}, Rate: 3e-4, Steps: 8, Seed: 1<<64 - 1, Dedupe: true, Pairs: []string{"x.jsonl", "y.jsonl"},
		Columns: map[string]string{"prompt": "question"}, Roll: 5 * time.Second}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(options{})); diff != "" {
		t.Error(diff)
	}
}

func TestRepeatedFlags(t *testing.T) {
	got, err := resolve(t, "", nil, []string{"--pairs", "a", "--pairs", "b,c", "--columns", "prompt=q", "--columns=chosen=good"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, got.Pairs); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"prompt": "q", "chosen": "good"}, got.Columns); diff != "" {
		t.Error(diff)
	}
}

func TestAliases(t *testing.T) {
	for name, source := range map[string]func() (options, error){
		"file": func() (options, error) { return resolve(t, "output_dir: o\nloss_weights: [0.8, 1]\n", nil, nil) },
		"environment": func() (options, error) {
			return resolve(t, "", []string{"STEELYARD_OUTPUT_DIR=o", "STEELYARD_LOSS_WEIGHTS=0.8,1"}, nil)
		},
		"flags": func() (options, error) {
			return resolve(t, "", nil, []string{"--output_dir=o", "--loss-weights=0.8,1"})
		},
		"names": func() (options, error) {
			return resolve(t, "output: o\n", nil, []string{"--loss_weights=0.8", "--loss_weights=1"})
		},
	} {
		got, err := source()
		if err != nil || got.Output != "o" || !cmp.Equal(got.Weights, []float64{0.8, 1}) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

// A null says nothing, a block is text, a file of comments is empty.
func TestScalarsOfYAML(t *testing.T) {
	got, err := resolve(t, "output: null\nmax_steps: ~\nlearning_rate:\nmodel: >-\n  a long\n  name\n", nil, nil)
	if err != nil || got.Output != "" || got.Steps != -1 || got.Rate != 1e-6 || got.Model != "a long name" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := resolve(t, "# nothing yet\n", nil, nil); err != nil {
		t.Error(err)
	}
	if _, err := resolve(t, "learnin_rate: null\n", nil, nil); err == nil {
		t.Error("an unknown option without a value is no error")
	}
}

func TestDefaultsStay(t *testing.T) {
	got, err := resolve(t, "model: m\n", nil, nil)
	if err != nil || got.Rate != 1e-6 || got.Steps != -1 || got.Roll != time.Minute || got.Model != "m" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Every fault is reported at once, with its place and what to write instead.
func TestFaults(t *testing.T) {
	_, err := resolve(t, "learning_rat: 1\nmax_steps: many\nmodel: a\nnonsense: 1\npairs: {a: 1}\n", []string{"STEELYARD_SEED=-1"}, []string{"--dedupe=perhaps", "--columns=x"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"run.yaml:1: unknown option learning_rat; did you mean learning_rate?",
		`run.yaml:2: max_steps: "many" is no int`,
		"run.yaml:4: unknown option nonsense\n",
		"run.yaml:5: pairs: want a list",
		`STEELYARD_SEED: "-1" is no int`,
		`--dedupe: "perhaps" is no bool`,
		`--columns: "x" is not of the form name=value`,
	} {
		if !strings.Contains(err.Error()+"\n", want) {
			t.Errorf("no %q in:\n%v", want, err)
		}
	}
}

func TestUnreadableFiles(t *testing.T) {
	for name, file := range map[string]string{
		"no mapping": "- a\n- b\n",
		"no YAML":    "a: [1,\nb: 2\n",
		"twice":      "model: a\nmodel: b\n",
	} {
		if _, err := resolve(t, file, nil, nil); err == nil || !strings.Contains(err.Error(), "run.yaml:") {
			t.Errorf("%s: got %v, want an error with its place", name, err)
		}
	}
	if err := config.Resolve(&options{}, config.Sources{File: "absent.yaml", Flags: pflag.NewFlagSet("", 0)}); err == nil {
		t.Error("an absent file is no error")
	}
}

func TestRecord(t *testing.T) {
	got := config.Record(&options{shared: shared{"m"}, Steps: 3, Roll: time.Minute})
	if got["model"] != "m" || got["max_steps"] != 3 || got["roll_every"] != "1m0s" || len(got) != 10 {
		t.Errorf("got %v", got)
	}
}
