package writecache

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/upkeep"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

var fingerprint = schemas.Fingerprint{{Name: schemas.ItemWeights, Digest: "sha256:00"}}

func options(t *testing.T) Options {
	return Options{
		URL:   filepath.Join(t.TempDir(), "cache"),
		Sink:  cache.Options{Run: "run", Fingerprint: fingerprint, TokenLogps: true},
		Paths: []string{"a.jsonl", "b.jsonl"},
	}
}

func commitOptions(o Options) CommitOptions {
	return CommitOptions{
		URL:  o.URL,
		Run:  schemas.Run{ID: o.Sink.Run, Started: time.Unix(0, 0).UTC(), Fingerprint: fingerprint, Options: map[string]any{"beta": 0.1}},
		View: schemas.View{Inputs: []schemas.ViewInput{{Path: "a.jsonl"}}},
		// Nothing may be malformed.
		MaxQuarantine: 0,
	}
}

// scored returns the pair of a row. Every third row repeats another.
func scored(pos int64) schemas.CachedPair {
	id := int32(pos - pos%3/2)
	p := schemas.CachedPair{
		TokenPair: schemas.TokenPair{
			Source:    schemas.Source{Pos: pos},
			PromptIDs: []int32{id}, ChosenIDs: []int32{1, id}, RejectedIDs: []int32{2},
		},
		RefChosenTokenLogps: []float32{-1, -2}, RefRejectedTokenLogps: []float32{-0.5},
		RefChosenLogps: -3, RefRejectedLogps: -0.5,
	}
	p.ID = cache.PairID(p.PromptIDs, p.ChosenIDs, p.RejectedIDs)
	return p
}

// write runs rows from, to) through a bundle by hand and returns what it gives on, or leaves the bundle unfinished.
func write(t *testing.T, f *pairsFn, from, to int64, finish bool) []cache.Done {
	t.Helper()
	var done []cache.Done
	emit := func(d cache.Done) { done = append(done, d) }
	f.StartBundle(t.Context(), emit)
	for pos := from; pos < to; pos++ {
		if err := f.ProcessElement(t.Context(), scored(pos), emit); err != nil {
			t.Error(err)
		}
	}
	if !finish {
		return nil
	}
	if err := f.FinishBundle(t.Context(), emit); err != nil {
		t.Error(err)
	}
	return done
}

// commit runs the commit by hand.
func commit(ctx context.Context, o CommitOptions, done []cache.Done) error {
	f := &commitFn{URL: o.URL, Base: o.Base, MaxQuarantine: o.MaxQuarantine, Run: mustJSON(o.Run), View: mustJSON(o.View)}
	i := 0
	return f.ProcessElement(ctx, 0, func(d *cache.Done) bool {
		if i == len(done) {
			return false
		}
		*d, i = done[i], i+1
		return true
	})
}

func begin(t *testing.T, o Options) storage.Store {
	t.Helper()
	st, err := storage.OpenURL(t.Context(), o.URL)
	if err != nil {
		t.Fatal(err)
	}
	claim, err := cache.Begin(t.Context(), st, commitOptions(o).Run)
	if err != nil {
		t.Fatal(err)
	}
	claim.Release()
	return st
}

// positions returns the rows of the cache, by position, in the view's order.
func positions(t *testing.T, st storage.Store) []int64 {
	t.Helper()
	snap, err := cache.Open(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	x, err := snap.Index(t.Context(), "", filepath.Join(t.TempDir(), "index"))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	rows := snap.Rows(x)
	var out []int64
	for i := range x.Len() {
		p, err := rows.At(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		want := scored(p.Source.Pos)
		if !slices.Equal(p.PromptIDs, want.PromptIDs) || p.RefChosenLogps != want.RefChosenLogps {
			t.Errorf("row %d came back as %+v", i, p)
		}
		out = append(out, p.Source.Pos)
	}
	return out
}

func TestRetriedBundlesAreWrittenOnce(t *testing.T) {
	o := options(t)
	st := begin(t, o)

	// Rows 0 to 4: abandoned half-way on one worker, whose instance then serves rows 5 to 9; run again on another.
	f := &pairsFn{bundle{Options: o}}
	write(t, f, 0, 3, false)
	done := write(t, f, 5, 10, true)
	done = append(done, write(t, &pairsFn{bundle{Options: o}}, 0, 5, true)...)

	// Rows 10 to 14 on two workers at once; the runner takes the word of one.
	var zombie, alive []cache.Done
	var wg sync.WaitGroup
	wg.Go(func() { zombie = write(t, &pairsFn{bundle{Options: o}}, 10, 15, true) })
	wg.Go(func() { alive = write(t, &pairsFn{bundle{Options: o}}, 10, 15, true) })
	wg.Wait()
	if len(zombie) != 1 || len(alive) != 1 {
		t.Fatalf("bundles gave on %d and %d words, want one each", len(zombie), len(alive))
	}
	done = append(done, alive...)

	for range 2 { // the commit runs again
		if err := commit(t.Context(), commitOptions(o), done); err != nil {
			t.Fatal(err)
		}
	}
	want := []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}
	if got := positions(t, st); !slices.Equal(got, want) {
		t.Errorf("the view has rows %v, want %v", got, want)
	}
	left, err := st.List(t.Context(), "tmp/")
	if err != nil || len(left) > 0 {
		t.Errorf("left below tmp/: %v, %v", left, err)
	}
}

func TestBundleWithoutRowsLeavesNothing(t *testing.T) {
	o := options(t)
	st := begin(t, o)
	if done := write(t, &pairsFn{bundle{Options: o}}, 0, 0, true); done != nil {
		t.Errorf("an empty bundle gave on %v", done)
	}
	if err := commit(t.Context(), commitOptions(o), []cache.Done{{}}); err != nil {
		t.Fatal(err)
	}
	if got := positions(t, st); got != nil {
		t.Errorf("a cache of nothing has rows %v", got)
	}
}

func TestQuarantine(t *testing.T) {
	o := options(t)
	st := begin(t, o)
	f := &quarantineFn{bundle{Options: o}}
	var done []cache.Done
	emit := func(d cache.Done) { done = append(done, d) }
	f.StartBundle(t.Context(), emit)
	for _, q := range []schemas.Quarantined{
		{Source: schemas.Source{File: 1}, Code: schemas.CodeEmptyPrompt, Reason: "step", Raw: "{}"},
		{Source: schemas.Source{File: 1, Pos: 2}, Path: "b.jsonl.gz", Code: schemas.CodeBadJSON, Reason: "reader", Raw: "{"},
		{Source: schemas.Source{File: 9}, Code: schemas.CodeBadJSON, Reason: "unknown file"},
	} {
		if err := f.ProcessElement(t.Context(), q, emit); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.FinishBundle(t.Context(), emit); err != nil {
		t.Fatal(err)
	}
	// More is malformed than allowed: the commit succeeds, and says so in the record.
	if err := commit(t.Context(), commitOptions(o), done); err != nil {
		t.Fatal(err)
	}
	status, err := upkeep.Status(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	run := status.Runs[0]
	if run.State != schemas.RunFailed || !strings.Contains(run.Why, "3 of 3") || run.Counts.Quarantined[schemas.CodeBadJSON] != 2 || status.Digest != "" {
		t.Errorf("recorded as %+v, snapshot %q", run, status.Digest)
	}
	files, err := st.List(t.Context(), "quarantine/")
	if err != nil || len(files) != 1 {
		t.Fatalf("quarantine holds %v, %v; want one file", files, err)
	}
	r, err := st.Open(t.Context(), files[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text := make([]byte, r.Size())
	if _, err := r.ReadAt(text, 0); err != nil && !strings.Contains(err.Error(), "EOF") {
		t.Fatal(err)
	}
	for _, want := range []string{`"path":"b.jsonl","code":"empty_prompt"`, `"path":"b.jsonl.gz","code":"bad_json"`, `"path":"","code":"bad_json"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("quarantine lacks %s:\n%s", want, text)
		}
	}
}

// A bundle whose files can't be written fails, and its instance can serve the next bundle.
func TestStoreThatFails(t *testing.T) {
	o := options(t)
	begin(t, o)
	f := &pairsFn{bundle{Options: o}}
	ctx, cancel := context.WithCancel(t.Context())
	f.StartBundle(ctx, nil)
	if err := f.ProcessElement(ctx, scored(0), nil); err != nil {
		t.Fatal(err)
	}
	cancel()
	err := f.FinishBundle(ctx, func(d cache.Done) { t.Errorf("a failed bundle gave on %v", d) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a bundle whose context ended: %v, want context.Canceled", err)
	}
	if done := write(t, f, 0, 2, true); len(done) != 1 {
		t.Errorf("the next bundle gave on %d words, want one", len(done))
	}
}

func TestCommitOfWhatIsGone(t *testing.T) {
	o := options(t)
	st := begin(t, o)
	done := write(t, &pairsFn{bundle{Options: o}}, 0, 3, true)
	if err := st.Remove(t.Context(), fmt.Sprintf("tmp/run/values-%s.parquet", done[0].Values[0].Name)); err != nil {
		t.Fatal(err)
	}
	if err := commit(t.Context(), commitOptions(o), done); err == nil {
		t.Error("a part is gone, and the commit succeeded")
	}
}
