package trainer_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/trainer"
)

const secondRun = "20261124T080000Z-0002"

// addView gives the bench's cache a further view: the last of its pairs, and new ones, which are its pairs with the sides exchanged.
func (b bench) addView(t *testing.T, run string, spoil func(i int, p *schemas.CachedPair)) {
	t.Helper()
	all := b.golden.Pairs
	b.golden.Pairs = append(all[len(all)-2:len(all):len(all)], all[:3]...)
	for i := range b.golden.Pairs[2:] {
		p := &b.golden.Pairs[2+i]
		p.Chosen, p.Rejected = p.Rejected, p.Chosen
	}
	b.commit(t, run, spoil)
}

// TestViews: a run trains on the view it is told to, or on all, keeps to it when it is resumed, whatever the cache has since, and takes a
// pair that several views have once if it is told to.
func TestViews(t *testing.T) {
	b := newBench(t, nil)
	b.addView(t, secondRun, nil)
	o := b.golden.options("")
	o.MaxSteps = 4
	for _, test := range []struct {
		view   string
		dedupe bool
		rows   int
		record string
	}{
		{"", false, 5, secondRun},
		{firstRun, false, 14, firstRun},
		{cache.AllViews, false, 19, "all"},
		{cache.AllViews, true, 17, "all"},
	} {
		o.OutputDir, o.View, o.Dedupe, o.Resume = filepath.Join(t.TempDir(), "run"), test.view, test.dedupe, false
		s, err := b.run(t, o, nil)
		if err != nil {
			t.Fatalf("view %q: %v", test.view, err)
		}
		if r := must(trainer.ReadRecord(o.OutputDir))(t); s.Rows != test.rows || r.View != test.record || r.Rows != test.rows {
			t.Errorf("view %q, dedupe %v: %d rows of view %q, want %d of %q", test.view, test.dedupe, s.Rows, r.View, test.rows, test.record)
		}
	}

	o.OutputDir, o.View, o.Dedupe, o.SaveSteps = filepath.Join(t.TempDir(), "run"), cache.AllViews, false, 2
	if _, err := b.run(t, o, nil); err != nil {
		t.Fatal(err)
	}
	want := must(os.ReadFile(filepath.Join(o.OutputDir, "model.safetensors")))(t)
	for _, lost := range []string{"checkpoint-4", "model.safetensors", "order.index"} {
		if err := os.RemoveAll(filepath.Join(o.OutputDir, lost)); err != nil {
			t.Fatal(err)
		}
	}
	b.addView(t, "20261125T080000Z-0003", nil)
	o.Resume = true
	s, err := b.run(t, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Rows != 19 || s.Resumed != 2 || !bytes.Equal(want, must(os.ReadFile(filepath.Join(o.OutputDir, "model.safetensors")))(t)) {
		t.Errorf("resumed after step %d over %d rows, or to another model", s.Resumed, s.Rows)
	}

	o.OutputDir, o.View, o.Resume = filepath.Join(t.TempDir(), "run"), "r9", false
	_, err = b.run(t, o, nil)
	if err == nil || !strings.Contains(err.Error(), `no view "r9"; it has ["`+firstRun+`" "`+secondRun+`" "`) {
		t.Errorf("an unknown view: %v", err)
	}
}

// TestAllViewsNameTheirRows: a row of the second view is said to be in the file of the second view.
func TestAllViewsNameTheirRows(t *testing.T) {
	b := newBench(t, nil)
	var id schemas.PairID
	b.input = "more.jsonl"
	b.addView(t, secondRun, func(i int, p *schemas.CachedPair) {
		if i == 3 {
			id, p.RefChosenLogps = p.ID, math.Nextafter(p.RefChosenLogps, 0)
		}
	})
	o := b.golden.options(filepath.Join(t.TempDir(), "run"))
	o.View, o.PerDeviceTrainBatchSize = cache.AllViews, 19
	_, err := b.run(t, o, nil)
	refused(t, o.OutputDir, err, trainer.ErrIdentity, id, "more.jsonl at 3")
}
