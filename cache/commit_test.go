package cache_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/cachetest"
	"github.com/steelyard-ml/steelyard/cache/upkeep"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// tree returns every file of a directory with its content.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The layout is that of docs/format.md, and values/ and views/<run>/ hold nothing but Parquet.
func TestCommitLayout(t *testing.T) {
	dir := t.TempDir()
	st := local(t, dir)
	begin(t, st, newRun("r1"))
	done := stage(t, st, options("r1"), pairs(10), 5)
	s := cache.NewSink(st, options("r1"))
	if err := s.Quarantine(ctx, schemas.Quarantined{Code: schemas.CodePromptTooLong}); err != nil {
		t.Fatal(err)
	}
	bad, err := s.Close(ctx)
	if err != nil {
		t.Fatal(err)
	}
	// What a bundle left that was retried.
	stage(t, st, options("r1"), pairs(3), 3)
	do(t, st, append(done, bad))
	cachetest.Number(t, st)
	snap, err := cache.Open(ctx, st)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		".lock",
		"keys/part-r1-000000.keys", "keys/part-r1-000001.keys",
		"manifest.json", "manifests/" + snap.Digest() + ".json",
		"quarantine/r1/part-" + bad.Quarantine[0].Name + ".jsonl",
		"runs/r1.json",
		"values/part-r1-000000.parquet", "values/part-r1-000001.parquet",
		"views/r1.json", "views/r1/part-000000.parquet", "views/r1/part-000001.parquet",
	}
	if diff := cmp.Diff(want, objects(t, st, "")); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	o, err := upkeep.Status(ctx, st)
	if err != nil || len(o.Runs) != 1 || o.Digest != snap.Digest() || len(o.Staged) != 0 {
		t.Fatalf("status %+v, %v", o, err)
	}
	counts := schemas.Counts{Rows: 10, Scored: 10, Quarantined: map[schemas.Code]int64{"prompt_too_long": 1}}
	got := o.Runs[0].Counts
	for _, p := range pairs(10) {
		counts.Tokens += int64(len(p.PromptIDs) + len(p.ChosenIDs) + len(p.RejectedIDs))
		counts.Completion += int64(len(p.ChosenIDs) + len(p.RejectedIDs))
		if p.ChosenTruncated {
			counts.Truncated++
		}
		if p.Diverged {
			counts.Diverged++
		}
	}
	if diff := cmp.Diff(counts, got); diff != "" || o.Runs[0].State != schemas.RunDone {
		t.Errorf("run %+v; counts: want -, got +:\n%s", o.Runs[0], diff)
	}
	view := o.Views[0]
	if view.Name != "r1" || view.Rows != 10 || view.Truncated != counts.Truncated || view.Diverged != counts.Diverged || view.Created != started || len(view.Inputs) != 2 {
		t.Errorf("view %+v", view)
	}
}

// The same parts make the same cache, byte for byte, in whatever order they come and however often they are named.
func TestCommitIsDeterministic(t *testing.T) {
	var trees []map[string]string
	dir := t.TempDir()
	first := local(t, filepath.Join(dir, "0"))
	begin(t, first, newRun("r1"))
	done := stage(t, first, options("r1"), pairs(40), 7)
	for i := 1; i < 3; i++ {
		if err := os.CopyFS(filepath.Join(dir, fmt.Sprint(i)), os.DirFS(first.URL(""))); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		do(t, local(t, filepath.Join(dir, fmt.Sprint(i))), done)
		trees = append(trees, tree(t, filepath.Join(dir, fmt.Sprint(i))))
		slices.Reverse(done)
		done = append(done, done[2], done[0])
	}
	if !cmp.Equal(trees[0], trees[1]) || !cmp.Equal(trees[0], trees[2]) {
		t.Errorf("other trees: %v", cmp.Diff(trees[0], trees[1]))
	}
	// Parts are listed by their first source: the first bundle's rows are those of file 0, position 0.
	for name, content := range trees[0] {
		if name == "manifest.json" && !strings.Contains(content, done[0].Views[0].SHA256) {
			t.Errorf("manifest %s", content)
		}
	}
}

// Killed before any of its writes and done again, a commit ends as one that was never killed. Until the manifest is there, the directory
// is no cache.
func TestCommitSurvivesAKillAnywhere(t *testing.T) {
	dir := t.TempDir()
	staged := local(t, filepath.Join(dir, "staged"))
	begin(t, staged, newRun("r1"))
	done := stage(t, staged, options("r1"), pairs(12), 6)
	stage(t, staged, options("r1"), pairs(3), 3) // a retried bundle's leftovers
	whole := filepath.Join(dir, "whole")
	if err := os.CopyFS(whole, os.DirFS(staged.URL(""))); err != nil {
		t.Fatal(err)
	}
	do(t, local(t, whole), done)
	want := tree(t, whole)

	for kill := 0; ; kill++ {
		if kill > 100 {
			t.Fatal("the commit is never done")
		}
		at := filepath.Join(dir, fmt.Sprint("kill", kill))
		if err := os.CopyFS(at, os.DirFS(staged.URL(""))); err != nil {
			t.Fatal(err)
		}
		left := kill
		st := local(t, at)
		_, _, err := commit(done).Do(ctx, cachetest.Flaky{Store: st, Left: &left})
		if err == nil {
			if kill < 10 {
				t.Errorf("a commit of %d writes, which is too few to be true", kill)
			}
			break
		}
		if !errors.Is(err, cachetest.ErrKilled) {
			t.Fatalf("killed before write %d: %v", kill, err)
		}
		if _, err := os.Stat(filepath.Join(at, "manifest.json")); err != nil {
			if _, err := cache.Open(ctx, st); !errors.Is(err, cache.ErrNoCache) {
				t.Errorf("killed before write %d: Open says %v, want ErrNoCache", kill, err)
			}
		}
		for range 2 { // the retry, and a retry of what was done
			do(t, st, done)
			if got := tree(t, at); !cmp.Equal(got, want) {
				t.Errorf("killed before write %d and done again: %s", kill, cmp.Diff(want, got))
			}
		}
	}
}

// A retry with other parts of the same rows, as after a shuffle that is not stable: what the first call published but did not commit goes
// once the manifest is there.
func TestCommitWithOtherParts(t *testing.T) {
	rows := pairs(12)
	st := local(t, t.TempDir())
	begin(t, st, newRun("r1"))
	first := stage(t, st, options("r1"), rows, 2)
	left := 13 // the values, the keys and a part of the view
	if _, _, err := commit(first).Do(ctx, cachetest.Flaky{Store: st, Left: &left}); !errors.Is(err, cachetest.ErrKilled) {
		t.Fatal(err)
	}
	if got := objects(t, st, "values/"); len(got) != 6 {
		t.Fatalf("before the kill %v were published, want 6 parts", got)
	}
	m := do(t, st, stage(t, st, options("r1"), rows, 6))
	if got := objects(t, st, "values/"); len(m.Parts) != 2 || len(got) != 2 {
		t.Errorf("%d parts and the files %v, want 2", len(m.Parts), got)
	}
	if got := read(t, st); len(got) != 12 {
		t.Errorf("%d rows, want 12", len(got))
	}
	// After the manifest, nothing changes any more.
	again := do(t, st, stage(t, st, options("r1"), rows[:3], 3))
	if !cmp.Equal(m, again) || len(read(t, st)) != 12 {
		t.Errorf("a commit after the commit changed it: %s", cmp.Diff(m, again))
	}
}

func TestCommitRefuses(t *testing.T) {
	begin := func(t *testing.T) (storage.Store, []cache.Done) {
		st := local(t, t.TempDir())
		begin(t, st, newRun("r1"))
		return st, stage(t, st, options("r1"), pairs(4), 4)
	}
	t.Run("missing", func(t *testing.T) {
		st, done := begin(t)
		if err := os.Remove(st.URL(stagedFile("values", done[0].Values[0]))); err != nil {
			t.Fatal(err)
		}
		_, _, err := commit(done).Do(ctx, st)
		wantError(t, "commit", err, nil, "is gone")
	})
	t.Run("changed", func(t *testing.T) {
		st, done := begin(t)
		name := st.URL(stagedFile("view", done[0].Views[0]))
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 1
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
		_, _, err = commit(done).Do(ctx, st)
		wantError(t, "commit", err, cache.ErrDamaged, "look after the disk")
	})
	t.Run("two of a name", func(t *testing.T) {
		st, done := begin(t)
		other := done[0].Values[0]
		other.SHA256 = strings.Repeat("0", 64)
		done[0].Values = append(done[0].Values, other)
		_, _, err := commit(done).Do(ctx, st)
		wantError(t, "commit", err, nil, "two staged parts have the name")
	})
	t.Run("no fingerprint", func(t *testing.T) {
		st, done := begin(t)
		c := commit(done)
		c.Run.Fingerprint = nil
		_, _, err := c.Do(ctx, st)
		wantError(t, "commit", err, nil, "no fingerprint")
	})
}

func TestCommitOfNothingIsAnEmptyCache(t *testing.T) {
	st := local(t, t.TempDir())
	begin(t, st, newRun("r1"))
	m := do(t, st, []cache.Done{{}})
	if len(m.Parts) != 0 || len(m.Views) != 1 || m.Views[0].Rows != 0 {
		t.Errorf("manifest %+v", m)
	}
	if got := read(t, st); len(got) != 0 {
		t.Errorf("it has rows: %v", got)
	}
	report, err := upkeep.Verify(ctx, st, upkeep.VerifyOptions{})
	if err != nil || !report.OK() {
		t.Errorf("verify: %+v, %v", report, err)
	}
}

// The share is of rows read, over malformed rows; a run that fails of it has no manifest, keeps its parts and says why.
func TestCommitQuarantineLimit(t *testing.T) {
	for _, c := range []struct {
		name      string
		max       float64
		malformed int
		want      schemas.RunState
	}{
		{"none is allowed, none there", 0, 0, schemas.RunDone},
		{"none is allowed", 0, 1, schemas.RunFailed},
		{"exactly as many", 0.25, 4, schemas.RunDone}, // of 10 good, 2 too long and 4 malformed
		{"one more", 0.25, 5, schemas.RunFailed},
		{"all are", 1, 50, schemas.RunDone},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := local(t, t.TempDir())
			begin(t, st, newRun("r1"))
			done := stage(t, st, options("r1"), pairs(10), 10)
			s := cache.NewSink(st, options("r1"))
			for i := range c.malformed + 2 {
				q := schemas.Quarantined{Source: schemas.Source{Pos: int64(i)}, Path: "a.jsonl", Code: schemas.CodePromptTooLong, Reason: "too long"}
				if i >= 2 {
					q.Code, q.Reason = schemas.CodeMissingField, "no chosen"
				}
				if err := s.Quarantine(ctx, q); err != nil {
					t.Fatal(err)
				}
			}
			d, err := s.Close(ctx)
			if err != nil {
				t.Fatal(err)
			}
			commit := commit(append(done, d))
			commit.MaxQuarantine = c.max
			for range 2 { // a retry says the same
				_, run, err := commit.Do(ctx, st)
				if err != nil || run.State != c.want {
					t.Fatalf("got %v, %v, want %v", run, err, c.want)
				}
				if got := objects(t, st, "quarantine/"); len(got) != 1 {
					t.Errorf("quarantine holds %v", got)
				}
				if c.want == schemas.RunDone {
					continue
				}
				for _, says := range []string{fmt.Sprintf("%d of %d rows", c.malformed, 12+c.malformed), fmt.Sprint("missing_field ", c.malformed), "a.jsonl at 2: missing_field: no chosen", st.URL("quarantine/r1")} {
					if !strings.Contains(run.Why, says) {
						t.Errorf("why is %q, want it to say %q", run.Why, says)
					}
				}
				if strings.Contains(run.Why, "prompt_too_long") {
					t.Errorf("why names rows that are not malformed: %q", run.Why)
				}
				if _, err := cache.Open(ctx, st); !errors.Is(err, cache.ErrNoCache) {
					t.Errorf("Open says %v, want ErrNoCache", err)
				}
				if got := objects(t, st, "tmp/r1/"); len(got) != 4 {
					t.Errorf("tmp holds %v, want values, keys, their receipt and the view", got)
				}
				o, err := upkeep.Status(ctx, st)
				if err != nil || len(o.Runs) != 1 || o.Runs[0].State != schemas.RunFailed || o.Runs[0].Why != run.Why || len(o.Staged) != 1 || o.Staged[0].Files != 4 {
					t.Errorf("status %+v, %v", o, err)
				}
			}
		})
	}
}
