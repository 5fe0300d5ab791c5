package trainer_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/cpu"
	"github.com/steelyard-ml/steelyard/storage"
	"github.com/steelyard-ml/steelyard/trainer"
)

// childEnv names the run directory of a process that is there to be killed; its cache lies beside it and its model is named by modelEnv.
const (
	childEnv = "STEELYARD_TRAINER_TEST_RUN"
	modelEnv = "STEELYARD_TRAINER_TEST_MODEL"
)

func TestMain(m *testing.M) {
	tol.DoAlone(scaleEnv, scaleJob.do)
	if dir := os.Getenv(childEnv); dir != "" {
		if err := child(dir, os.Getenv(modelEnv)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// killedOptions save after every step, so that a kill often meets a checkpoint that is being written.
func killedOptions(dir string) trainer.Options {
	o := trainer.DefaultOptions()
	o.OutputDir, o.Resume, o.SaveSteps, o.SaveTotalLimit = dir, true, 1, 2
	o.PerDeviceTrainBatchSize, o.GradientAccumulationSteps, o.MaxSteps = 2, 2, 12
	o.LearningRate, o.MicroBatchTokens = 1e-3, 80
	return o
}

func child(dir, modelDir string) error {
	store, err := storage.Local(filepath.Join(filepath.Dir(dir), "cache"))
	if err != nil {
		return err
	}
	from, err := checkpoint.Open(modelDir)
	if err != nil {
		return err
	}
	config, err := from.Config()
	if err != nil {
		return err
	}
	policy, err := cpu.NewTrainable(from, config, cpu.Options{})
	if err != nil {
		return err
	}
	_, err = trainer.Run(context.Background(), killedOptions(dir), trainer.Inputs{Policy: policy, From: from, Open: bench{store: store}.snapshot})
	return err
}

// TestKill kills a training process at moments drawn from a fixed seed, goes on, and wants the bytes of a run that was left alone.
func TestKill(t *testing.T) {
	home := t.TempDir()
	b := bench{golden: readTrajectory(t, "full_sigmoid"), model: tol.Golden(t, "models/llama")}
	b.store = must(storage.Local(filepath.Join(home, "cache")))(t)
	b.commit(t, "20261123T180351Z-0001", nil)
	start := func(dir string) *exec.Cmd {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), childEnv+"="+dir, modelEnv+"="+b.model)
		c.Stderr = os.Stderr
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	whole := filepath.Join(home, "whole")
	if err := start(whole).Wait(); err != nil {
		t.Fatal(err)
	}
	want, wantLog := must(os.ReadFile(filepath.Join(whole, "model.safetensors")))(t), readLog(t, whole)

	draw := rand.New(rand.NewPCG(20261123, 1))
	kills := 0
	for round := range 5 {
		dir := filepath.Join(home, fmt.Sprint("killed-", round))
		killed := 0
		for range 3 {
			c := start(dir)
			waitForSteps(dir, draw.IntN(12))
			time.Sleep(time.Duration(draw.IntN(20)) * time.Millisecond)
			if err := c.Process.Kill(); err != nil && err != os.ErrProcessDone {
				t.Fatal(err)
			}
			if c.Wait() != nil {
				killed++
			}
		}
		if err := start(dir).Wait(); err != nil {
			t.Fatalf("round %d, killed %d times: %v", round, killed, err)
		}
		if got := must(os.ReadFile(filepath.Join(dir, "model.safetensors")))(t); !bytes.Equal(got, want) {
			t.Errorf("round %d, killed %d times: the final weights differ from those of a run that was left alone", round, killed)
		}
		if diff := cmp.Diff(wantLog, readLog(t, dir)); diff != "" {
			t.Errorf("round %d, killed %d times: the log differs (-want +got):\n%s", round, killed, diff)
		}
		for _, name := range []string{"checkpoint-11", "checkpoint-12"} {
			for _, file := range []string{"model.safetensors", "optimizer.safetensors"} {
				a, b := must(os.ReadFile(filepath.Join(whole, name, file)))(t), must(os.ReadFile(filepath.Join(dir, name, file)))(t)
				if !bytes.Equal(a, b) {
					t.Errorf("round %d: %s of %s differs", round, file, name)
				}
			}
		}
		t.Logf("round %d: killed %d times", round, killed)
		kills += killed
	}
	if kills == 0 {
		t.Error("every process was done before it could be killed: nothing was tested")
	}
}

// waitForSteps waits until a run's log has so many lines, but not for ever: the process may have failed.
func waitForSteps(dir string, steps int) {
	for range 10_000 {
		if text, _ := os.ReadFile(filepath.Join(dir, "metrics.jsonl")); bytes.Count(text, []byte("\n")) >= steps {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
