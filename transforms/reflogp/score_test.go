package reflogp

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/steelyard-ml/steelyard/schemas"
)

// bundle runs a hand-driven bundle and returns the rows that left, by position.
func bundle(t *testing.T, f *scoreFn, window []schemas.TokenPair, finish bool) []int64 {
	t.Helper()
	var rows []int64
	scored := func(c schemas.CachedPair) { rows = append(rows, c.Source.Pos) }
	bad := func(q schemas.Quarantined) { t.Errorf("quarantined: %+v", q) }
	f.StartBundle(t.Context(), scored, bad)
	for _, p := range window {
		if err := f.ProcessElement(t.Context(), p, scored, bad); err != nil {
			t.Fatal(err)
		}
	}
	if finish {
		if err := f.FinishBundle(t.Context(), scored, bad); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(rows)
	return rows
}

func TestBundles(t *testing.T) {
	var window []schemas.TokenPair
	for i := range int64(5) {
		window = append(window, pair(i, []int32{1}, []int32{int32(i)}, []int32{2}))
	}
	f := &scoreFn{Options: Options{WindowRows: 2}.withDefaults(), scorer: &fake{}}
	f.Setup()
	if got := bundle(t, f, window[:3], false); !slices.Equal(got, []int64{0, 1}) {
		t.Errorf("an unfinished bundle gave rows %v, want 0 and 1: the full window", got)
	}
	// The bundle is abandoned here; the instance serves another one.
	if got := bundle(t, f, window[3:], true); !slices.Equal(got, []int64{3, 4}) {
		t.Errorf("the next bundle gave rows %v, want its own 3 and 4", got)
	}
	if got := bundle(t, f, window, true); !slices.Equal(got, []int64{0, 1, 2, 3, 4}) {
		t.Errorf("the bundle run again gave rows %v, want all five", got)
	}
	if got := bundle(t, f, nil, true); got != nil {
		t.Errorf("an empty bundle gave rows %v", got)
	}

	f = &scoreFn{Options: Options{WindowBytes: 3 * 256}.withDefaults(), scorer: &fake{}}
	f.Setup()
	if got := bundle(t, f, window, false); !slices.Equal(got, []int64{0, 1, 2}) {
		t.Errorf("a window of three small rows in bytes gave rows %v, want 0 to 2", got)
	}
}

func TestModelThatIsNotThere(t *testing.T) {
	f := &scoreFn{Options: Options{Model: Model{Dir: t.TempDir() + "/none"}, WindowRows: 1}.withDefaults()}
	f.Setup()
	err := f.ProcessElement(t.Context(), pair(0, []int32{1}, []int32{1}, []int32{2}), nil, nil)
	if err == nil {
		t.Error("a bundle without a model succeeded")
	}
}

func TestSameModel(t *testing.T) {
	launched := schemas.Fingerprint{{Name: "weights", Digest: "sha256:aa"}, {Name: "numerics", Digest: "fma16/2"}}
	if err := same(Options{Fingerprint: launched}, slices.Clone(launched)); err != nil {
		t.Error(err)
	}
	found := schemas.Fingerprint{{Name: "weights", Digest: "sha256:bb"}, {Name: "numerics", Digest: "fma16/2"}}
	err := same(Options{Model: Model{Dir: "m"}, Fingerprint: launched}, found)
	want := "reflogp: the model at m is not the one this run was launched with (weights is sha256:bb and should be sha256:aa): give every worker the same files"
	if err == nil || err.Error() != want {
		t.Errorf("another model: %v, want %s", err, want)
	}
}

func TestOptionsFaults(t *testing.T) {
	err := Options{BatchTokens: -1, WindowRows: -2}.Validate()
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) || len(joined.Unwrap()) != 3 {
		t.Errorf("faults %v, want three: model, batch_tokens, window_rows", err)
	}
}

// A model is another one with an adapter, and another again where the adapter's files were replaced.
func TestAdapterIsPartOfAModel(t *testing.T) {
	m := Model{Dir: t.TempDir()}
	seen := map[string]bool{}
	look := func(m Model, what string) {
		id, err := identity("", m)
		if err != nil {
			t.Fatal(err)
		}
		if seen[id] {
			t.Errorf("%s: the model is taken for one that was seen", what)
		}
		seen[id] = true
	}
	look(m, "no adapter")
	m.Adapter = t.TempDir()
	look(m, "an adapter")
	for _, text := range []string{"a", "ab"} {
		if err := os.WriteFile(filepath.Join(m.Adapter, "adapter_model.safetensors"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		look(m, "a replaced file")
	}
	m.Adapter = filepath.Join(m.Adapter, "nowhere")
	if _, err := identity("", m); err == nil {
		t.Error("an adapter that is not there has an identity")
	}
}
