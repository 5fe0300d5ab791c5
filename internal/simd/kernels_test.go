package simd

import (
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	all := []Level{Generic, AVX2, AVX512}
	for _, c := range []struct {
		wish string
		have []Level
		want Level
		err  string
	}{
		{"", all, AVX512, ""},
		{"", all[:2], AVX2, ""},
		{"", all[:1], Generic, ""},
		{"generic", all, Generic, ""},
		{"AVX2", all, AVX2, ""},
		{"AVX512", all, AVX512, ""},
		{"avx512", all[:2], AVX2, `STEELYARD_SIMD="avx512" is not available on this machine, which has [generic avx2]`},
		{"avx2", all[:1], Generic, `STEELYARD_SIMD="avx2" is not available on this machine, which has [generic]`},
		{"sse9", all, AVX512, `STEELYARD_SIMD="sse9"`},
	} {
		got, err := choose(c.wish, c.have)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("choose(%q, %v) = %v, %v", c.wish, c.have, got, err)
		}
	}
	if Class() == "" || tableOf(Active()) != table {
		t.Error("no class or no kernels")
	}
}
