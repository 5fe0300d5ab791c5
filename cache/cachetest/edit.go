package cachetest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/storage"
)

// Edit changes the newest manifest of a local cache, as a faulty writer would have written it: under its digest, too.
func Edit(t testing.TB, st storage.Store, change func(m map[string]any)) {
	t.Helper()
	b, err := os.ReadFile(st.URL("manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	if b, err = json.MarshalIndent(m, "", "  "); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	for _, name := range []string{"manifests/" + hex.EncodeToString(sum[:]) + ".json", "manifest.json"} {
		if err := os.WriteFile(st.URL(name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Number gives the parts of a local cache the names 000000, 000001 … in the order of the manifest, those of each view likewise, so that a
// test can name them.
func Number(t testing.TB, st storage.Store) {
	t.Helper()
	rename := func(file any, n int) {
		f := file.(map[string]any)
		old := f["path"].(string)
		name := old[:strings.LastIndexByte(old, '-')+1] + fmt.Sprintf("%06d", n) + old[strings.LastIndexByte(old, '.'):]
		if err := os.Rename(st.URL(old), st.URL(name)); err != nil {
			t.Fatal(err)
		}
		f["path"] = name
	}
	Edit(t, st, func(m map[string]any) {
		for n, p := range m["parts"].([]any) {
			rename(p, n)
			rename(p.(map[string]any)["keys"], n)
		}
		for _, v := range m["views"].([]any) {
			for n, p := range v.(map[string]any)["parts"].([]any) {
				rename(p, n)
			}
		}
	})
	old, err := os.ReadDir(st.URL("manifests"))
	if err != nil {
		t.Fatal(err)
	}
	newest, err := os.ReadFile(st.URL("manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(newest)
	for _, e := range old { // the older ones name files that are not there now
		if e.Name() != hex.EncodeToString(sum[:])+".json" {
			os.Remove(st.URL("manifests/" + e.Name()))
		}
	}
}
