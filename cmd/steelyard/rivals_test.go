package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// reader opens the newest snapshot of a cache; the function it returns reads that snapshot's newest view.
func reader(t *testing.T, dir string) func() []schemas.CachedPair {
	t.Helper()
	st, err := storage.Local(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := cache.Open(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	return func() []schemas.CachedPair { return snapshotRows(t, s) }
}

// While a launcher is in the middle of its commit, a second one is told who holds the cache and exits with 1. The first one wins.
func TestLauncherBesideALivingOne(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	record(t, append(slowly(t, dir, "direct"), "--limit", "12")...)
	before := reader(t, dir)
	hold := holdCommits(t, dir)
	first := launch(t, ".", slowly(t, "hold://"+dir, "direct")...)
	until(t, "the commit", hold.reached)
	during := reader(t, dir)
	second := launch(t, ".", slowly(t, dir, "direct")...)
	if said := second.ends(t, exitFailed); !strings.Contains(said, "held by process") {
		t.Errorf("the second launcher says:\n%s", said)
	}
	hold.release()
	first.ends(t, exitDone)
	after := reader(t, dir)
	for _, c := range []struct {
		name string
		rows func() []schemas.CachedPair
		want int
	}{{"before", before, 12}, {"during", during, 12}, {"after", after, 63}} {
		if got := len(c.rows()); got != c.want {
			t.Errorf("a reader that opened the cache %s the append has %d rows, want %d", c.name, got, c.want)
		}
	}
	r := record(t, slowly(t, dir, "direct")...)
	if r.Counts.Scored != 0 || r.Counts.Reused != 63 {
		t.Errorf("after that a run has %+v", r.Counts)
	}
}

// Where no lock stands between two launchers, as on file systems of several machines that have none, the one that commits first wins; the
// other says so, exits with 1, and its parts are the next run's.
func TestLaunchersWithoutALock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	hold := holdCommits(t, dir)
	slow := launch(t, ".", append(slowly(t, "hold://"+dir, "direct"), "--limit", "40")...)
	until(t, "the commit", hold.reached)
	if err := os.Remove(filepath.Join(dir, ".lock")); err != nil {
		t.Fatal(err)
	}
	// A run removes what dead ones left, and for want of a lock takes the slow one for dead. Its staged files are published already.
	fast := record(t, append(slowly(t, dir, "direct"), "--limit", "5")...)
	if len(fast.Adopted) != 1 || fast.Counts.Scored != 0 {
		t.Errorf("the faster run has %+v and adopted %+v", fast.Counts, fast.Adopted)
	}
	want := rows(t, dir)
	hold.release()
	if said := slow.ends(t, exitFailed); !strings.Contains(said, "the run "+fast.ID+" was faster") || !strings.Contains(said, "run the same command again") {
		t.Errorf("the slower launcher says:\n%s", said)
	}
	if diff := cmp.Diff(want, rows(t, dir)); diff != "" {
		t.Errorf("the loser changed the cache: %s", diff)
	}
	r := record(t, append(slowly(t, dir, "direct"), "--limit", "40")...)
	if r.Counts.Scored != 0 || r.Counts.Rows != 40 {
		t.Errorf("the next run has %+v; the slower one had scored all of its rows", r.Counts)
	}
	invoke(t, exitDone, "verify", "--cache", dir)
}

// A training run that began before the cache grew ends in the same bytes as one that never saw it grow, whether it runs on meanwhile or is
// killed and resumed.
func TestTrainingWhileTheCacheGrows(t *testing.T) {
	model, _ := demoFiles(t)
	base := t.TempDir()
	dir := filepath.Join(base, "cache")
	record(t, append(slowly(t, dir, "direct"), "--limit", "24")...)
	train := func(out string) []string {
		return []string{"train", "--model", model, "--cache", dir, "--output", filepath.Join(base, out), "--learning-rate", "1e-4",
			"--num-train-epochs", "3", "--per-device-train-batch-size", "2", "--save-steps", "2", "--save-total-limit", "2"}
	}
	process(t, train("before")...)
	want := readFile(t, filepath.Join(base, "before", "model.safetensors"))

	on := launch(t, ".", train("on")...)
	killed := launch(t, ".", train("killed")...)
	until(t, "a checkpoint", func() bool {
		_, err := os.Stat(filepath.Join(base, "killed", "checkpoint-4"))
		return err == nil
	})
	if !killed.kill() {
		t.Fatal("the training run was over before it was killed")
	}
	hold := holdCommits(t, dir)
	grow := launch(t, ".", slowly(t, "hold://"+dir, "direct")...)
	until(t, "the commit", hold.reached)
	hold.release()
	grow.ends(t, exitDone)
	on.ends(t, exitDone)
	process(t, append(train("killed"), "--resume")...)
	for _, out := range []string{"on", "killed"} {
		if string(readFile(t, filepath.Join(base, out, "model.safetensors"))) != string(want) {
			t.Errorf("%s: other weights than those of a run whose cache never grew", out)
		}
	}
	after := launch(t, ".", train("after")...)
	if said := after.ends(t, exitDone); !strings.Contains(said, ": 63 pairs") {
		t.Errorf("a run that begins afterwards says:\n%s", said)
	}
}
