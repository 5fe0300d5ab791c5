package unigram

import (
	"encoding/json"
	"testing"
)

// TestScore compares with what the crate reads: Tokenizer.from_str(…).to_str() of Python's tokenizers 0.23.3.
func TestScore(t *testing.T) {
	for text, want := range map[string]float64{
		"-15.275492379532281":          -15.27549237953228,
		"-9.908701741838819":           -9.90870174183882,
		"-1.8771917354846979":          -1.877191735484698,
		"-14.429688151665367":          -14.429688151665369,
		"-11.780045159651033":          -11.780045159651031,
		"-14.067641772076719":          -14.06764177207672,
		"-9.182634638213367":           -9.182634638213369,
		"-0.11418258900785849":         -0.11418258900785848,
		"-3":                           -3.0,
		"0":                            0.0,
		"-1.5e-7":                      -1.5e-07,
		"1e22":                         1e+22,
		"-12345678901234567890123":     -1.2345678901234568e+22,
		"-0.1234567890123456789012345": -0.12345678901234568,
		"-7.5E+1":                      -75.0,
		"1e-320":                       1e-320,
		"-123456789012345678901.5e-10": -12345678901.234568,
	} {
		var got Score
		if err := json.Unmarshal([]byte(text), &got); err != nil || float64(got) != want {
			t.Errorf("%s: %v, %v, want %v", text, float64(got), err, want)
		}
	}
	for _, text := range []string{`"1"`, `null`, `1e309`, `[1]`, `1e99999999999999999999`} {
		var got Score
		if err := got.UnmarshalJSON([]byte(text)); err == nil {
			t.Errorf("%s is %v", text, got)
		}
	}
}
