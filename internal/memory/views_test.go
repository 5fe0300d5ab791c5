package memory

import (
	"slices"
	"testing"
)

func TestViews(t *testing.T) {
	f := []float32{1, -2.5, 3e9}
	b := Bytes(f)
	if len(b) != 12 || b[3] != 0x3f || b[2] != 0x80 {
		t.Fatalf("Bytes(%v) = %x", f, b)
	}
	if g := Float32s(b); !slices.Equal(g, f) {
		t.Errorf("a view is %v, want %v", g, f)
	}
	if g := Float32s(b); littleEndian && &g[0] != &f[0] {
		t.Error("an aligned view is a copy")
	}
	for shift := range 4 {
		odd := append(make([]byte, shift, 32), b...)
		if g := Float32s(odd[shift:]); !slices.Equal(g, f) {
			t.Errorf("shift %d: %v, want %v", shift, g, f)
		}
		u := Uint16s(odd[shift:])
		if len(u) != 6 || u[1] != 0x3f80 || u[0] != 0 || u[3] != 0xc020 {
			t.Errorf("shift %d: %x", shift, u)
		}
	}
	if Float32s(b[:3]) != nil || Uint16s(b[:1]) != nil || Bytes(nil) != nil {
		t.Error("less than an element is not nil")
	}
	if pairs := Pairs(Uint16s(b)); !slices.Equal(pairs, f) {
		t.Errorf("pairs are %v, want %v", pairs, f)
	}
	if n := len(Float32s(b[:11])); n != 2 {
		t.Errorf("%d elements of 11 bytes", n)
	}
}
