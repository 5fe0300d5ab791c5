package reflogp

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/schemas"
)

func init() { Register("fake", fakeEngine{}) }

// fakeEngine computes as fake does.
type fakeEngine struct{}

func (fakeEngine) Describe(Model) (*Reference, error) {
	return &Reference{Fingerprint: schemas.Fingerprint{{Name: schemas.ItemNumerics, Digest: "fake/1"}}, Vocab: 7, Positions: 8, Bytes: 9}, nil
}

func (fakeEngine) Load(Model, int) (model.Scorer, error) { return &fake{}, nil }

// The engine that the options name describes the model at launch and scores in a bundle, also where the options came as JSON.
func TestEngine(t *testing.T) {
	r, err := Open(t.Context(), "fake", Model{Dir: t.TempDir()})
	if err != nil || r.Vocab != 7 || r.Positions != 8 || r.Bytes != 9 {
		t.Fatalf("Open: %+v, %v", r, err)
	}
	text, err := json.Marshal(&scoreFn{Options: Options{Engine: "fake", Model: Model{Dir: t.TempDir()}, Fingerprint: r.Fingerprint}.withDefaults()})
	if err != nil {
		t.Fatal(err)
	}
	var f scoreFn
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	f.Setup()
	window := []schemas.TokenPair{pair(0, []int32{1}, []int32{2, 3}, []int32{4})}
	want, _, _ := run(t, &fake{}, window, 100)
	var got []schemas.CachedPair
	scored := func(c schemas.CachedPair) { got = append(got, c) }
	f.StartBundle(t.Context(), scored, nil)
	if err := f.ProcessElement(t.Context(), window[0], scored, nil); err != nil {
		t.Fatal(err)
	}
	if err := f.FinishBundle(t.Context(), scored, nil); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].RefChosenLogps != want[0].RefChosenLogps {
		t.Errorf("scored %+v, want %+v", got, want)
	}
}

// A model that another engine found is not the one that this engine finds in the same files.
func TestEnginesShareNothing(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(t.Context(), "fake", Model{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if r, err := Open(t.Context(), "", Model{Dir: dir}); err == nil {
		t.Errorf("the CPU finds %+v in an empty directory", r)
	}
}

func TestEngineThatIsNotThere(t *testing.T) {
	_, opened := Open(t.Context(), "abacus", Model{Dir: t.TempDir()})
	_, loaded := load(t.Context(), Options{Engine: "abacus", Model: Model{Dir: t.TempDir()}})
	for _, err := range []error{opened, loaded, Options{Engine: "abacus", Model: Model{Dir: "m"}}.Validate()} {
		if err == nil || !strings.Contains(err.Error(), `engine: this program has no "abacus"; it has ["" "fake"]`) {
			t.Errorf("got %v, want a fault that names the engines there are", err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("two engines took one name")
		}
	}()
	Register("fake", fakeEngine{})
}
