package adapter

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/model/family"
)

// A peftCase is what PEFT does with a configuration and a small model (testdata/targets.py).
type peftCase struct {
	Model   string
	Adapter map[string]json.RawMessage
	Adapted map[string][2]float64 // module → rank, scaling
	Saved   []string
	Fan     bool `json:"fan_in_fan_out"`
	Error   string
}

// TestModulesAsPEFT adapts the modules that PEFT 0.21.2 adapts in models of transformers 5.23.0, each with its rank and scaling, and saves
// those that it saves. What PEFT refuses is refused. More may be: what only needs names is known, what lies inside of other modules is not.
func TestModulesAsPEFT(t *testing.T) {
	text, err := os.ReadFile("testdata/targets.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Configs map[string]json.RawMessage
		Cases   []peftCase
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, one := range golden.Cases {
		m, err := family.Parse(golden.Configs[one.Model])
		if err != nil {
			t.Fatalf("%s: %v", one.Model, err)
		}
		one.Adapter["peft_type"] = json.RawMessage(`"LORA"`)
		text, err := json.Marshal(one.Adapter)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ParseConfig(text)
		var adapted []target
		var saved []site
		if err == nil {
			adapted, saved, err = c.resolve(m)
		}
		if one.Error != "" {
			// PEFT sees activations, which hold no tensor; New writes no expression (TestNewNamesWhatAnExpressionMatched).
			if err == nil && !strings.Contains(one.Error, "Activation()") {
				t.Errorf("%s, %s: PEFT says %q, we adapt %d modules", one.Model, text, one.Error, len(adapted))
			}
			continue
		}
		if err != nil {
			t.Errorf("%s, %s: %v", one.Model, text, err)
			continue
		}
		got, names := map[string][2]float64{}, []string{}
		for _, a := range adapted {
			got[a.name] = [2]float64{float64(a.r), a.scale}
		}
		for _, s := range saved {
			names = append(names, s.name)
		}
		slices.Sort(names)
		near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-15*math.Abs(a) })
		if diff := cmp.Diff(one.Adapted, got, near) + cmp.Diff(one.Saved, names); diff != "" || c.FanInFanOut != one.Fan {
			t.Errorf("%s, %s: fan_in_fan_out %v, modules (-PEFT +ours):\n%s", one.Model, text, c.FanInFanOut, diff)
		}
		compared++
	}
	t.Logf("%d of %d cases adapt modules", compared, len(golden.Cases))
	if compared < 90 {
		t.Errorf("only %d cases were compared", compared)
	}
	if len(slices.Collect(maps.Keys(golden.Configs))) != 17 {
		t.Errorf("%d models, want 17", len(golden.Configs))
	}
}
