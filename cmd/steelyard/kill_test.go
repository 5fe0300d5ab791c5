package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// until waits for something to be so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for range 6000 {
		if so() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%s never came", what)
}

// slowly are the options of a run of many batches and parts, so that there are many moments to die at.
func slowly(t *testing.T, dir, runner string) []string {
	model, pairs := demoFiles(t)
	return []string{"precompute", "--model", model, "--pairs", pairs, "--cache", dir, "--runner", runner,
		"--batch-tokens", "300", "--roll-every", "20ms", "--threads", "1", "--template-date", "2026-11-23", "--json"}
}

// record runs precompute to its end in this process and returns the run's record.
func record(t *testing.T, args ...string) (r schemas.Run) {
	t.Helper()
	out, _ := invoke(t, exitDone, args...)
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return r
}

// addKeys adds the pairs of a keys file, if it is there.
func addKeys(t *testing.T, to map[string]bool, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for ; len(b) > 0; b = b[16:] {
		to[hex.EncodeToString(b[:16])] = true
	}
}

// finished returns the pairs of the whole parts that lie in a cache's directory, whether a manifest names them or not.
func finished(t *testing.T, dir string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	receipts, _ := filepath.Glob(filepath.Join(dir, "tmp", "*", "receipt-*.json"))
	for _, r := range receipts {
		run := filepath.Base(filepath.Dir(r))
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(r), "receipt-"), ".json")
		addKeys(t, out, filepath.Join(filepath.Dir(r), "keys-"+name+".keys"))
		addKeys(t, out, filepath.Join(dir, "keys", "part-"+run+"-"+name+".keys"))
	}
	st, err := storage.Local(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := cache.Open(t.Context(), st)
	if errors.Is(err, cache.ErrNoCache) {
		return out
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Manifest().Parts {
		addKeys(t, out, filepath.Join(dir, p.Keys.Path))
	}
	return out
}

// wantRecovered runs the command again after a kill: its rows are those of a run that was never killed, and it scores exactly what no
// finished part held.
func wantRecovered(t *testing.T, what, dir string, args []string, want []schemas.CachedPair) {
	t.Helper()
	had := finished(t, dir)
	lacking := map[string]bool{}
	for _, p := range want {
		if !had[p.ID] {
			lacking[p.ID] = true
		}
	}
	r := record(t, args...)
	again := map[string]bool{}
	scored, _ := filepath.Glob(filepath.Join(dir, "keys", "part-"+r.ID+"-*"))
	for _, path := range scored {
		addKeys(t, again, path)
	}
	if diff := cmp.Diff(lacking, again); diff != "" || r.Counts.Scored < int64(len(lacking)) || r.Counts.Scored > int64(len(lacking)+1) { // one pair is there twice
		t.Errorf("%s: the next run scored %d pairs; %d were in finished parts and %d in none: %s", what, r.Counts.Scored, len(had), len(lacking), diff)
	}
	if diff := cmp.Diff(want, rows(t, dir)); diff != "" {
		t.Errorf("%s: rows of a run never killed -, got +:\n%s", what, diff)
	}
	invoke(t, exitDone, "verify", "--cache", dir)
	if left, _ := os.ReadDir(filepath.Join(dir, "tmp")); len(left) > 0 {
		t.Errorf("%s: %v is left in tmp/", what, left)
	}
}

// Killed after two finished parts, in a new cache and in one that grows.
func TestKillPrecompute(t *testing.T) {
	base := t.TempDir()
	record(t, slowly(t, filepath.Join(base, "whole"), "direct")...)
	want := rows(t, filepath.Join(base, "whole"))
	for _, runner := range []string{"direct", "prism"} {
		for _, grown := range []bool{false, true} {
			what := fmt.Sprintf("%s, grown %v", runner, grown)
			dir := filepath.Join(base, fmt.Sprint(runner, grown))
			args := slowly(t, dir, runner)
			parts := 2
			if grown {
				record(t, append(args, "--limit", "12")...)
			}
			l := launch(t, ".", args...)
			until(t, what+": finished parts", func() bool {
				receipts, _ := filepath.Glob(filepath.Join(dir, "tmp", "*", "receipt-*.json"))
				return len(receipts) >= parts
			})
			if !l.kill() {
				t.Fatalf("%s: the run was over before it was killed\n%s", what, l.stderr.String())
			}
			if grown {
				if got := rows(t, dir); len(got) != 12 {
					t.Errorf("%s: after the kill the cache has %d rows, want the 12 of before", what, len(got))
				}
			}
			wantRecovered(t, what, dir, args, want)
		}
	}
}

// Killed between the final names and the manifest.
func TestKillInCommit(t *testing.T) {
	base := t.TempDir()
	record(t, slowly(t, filepath.Join(base, "whole"), "direct")...)
	want := rows(t, filepath.Join(base, "whole"))
	for _, grown := range []bool{false, true} {
		dir := filepath.Join(base, fmt.Sprint("grown", grown))
		if grown {
			record(t, append(slowly(t, dir, "direct"), "--limit", "12")...)
		}
		hold := holdCommits(t, dir)
		l := launch(t, ".", slowly(t, "hold://"+dir, "direct")...)
		until(t, "the commit", hold.reached)
		if !l.kill() {
			t.Fatalf("the run was over before it was killed\n%s", l.stderr.String())
		}
		if values, _ := filepath.Glob(filepath.Join(dir, "values", "*")); len(values) == 0 {
			t.Fatal("no part had its final name yet")
		}
		hold.release()
		if n := len(finished(t, dir)); n != 62 {
			t.Errorf("%d pairs are in finished parts, want all 62", n)
		}
		wantRecovered(t, fmt.Sprint("in the commit, grown ", grown), dir, slowly(t, dir, "direct"), want)
	}
}

// Killed at moments that a seed decides.
func TestKillAnywhere(t *testing.T) {
	base := t.TempDir()
	began := time.Now()
	process(t, slowly(t, filepath.Join(base, "whole"), "direct")...)
	whole := time.Since(began)
	want := rows(t, filepath.Join(base, "whole"))
	moments := rand.New(rand.NewPCG(4, 20))
	times := 20
	if testing.Short() {
		times = 4
	}
	alive := 0
	for i := range times {
		dir := filepath.Join(base, fmt.Sprint(i))
		args := slowly(t, dir, []string{"direct", "prism"}[i%2])
		if i%4 >= 2 {
			record(t, append(slices.Clone(args), "--limit", "5")...)
		}
		l := launch(t, ".", args...)
		after := time.Duration(moments.Float64() * float64(whole))
		time.Sleep(after)
		if l.kill() {
			alive++
		}
		wantRecovered(t, fmt.Sprintf("killed after %s of %s", after, whole), dir, args, want)
	}
	if alive < times/2 {
		t.Errorf("only %d of %d runs were alive when they were killed", alive, times)
	}
}
