package report

import (
	_ "embed"
	"fmt"
	"io"
	"math"
	"strings"
	"text/template"
	"time"

	"github.com/steelyard-ml/steelyard/bench/work"
)

//go:embed page.md.tmpl
var pageText string

// Write writes the page, in Markdown.
func (r *Report) Write(w io.Writer) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"giga": giga, "percent": percent, "times": times, "brief": brief, "mb": megabytes,
		"number": number, "verdict": verdictCells, "cell": cell, "join": strings.Join, "count": count, "losses": losses, "seconds": secondsList,
		"day":     func(t time.Time) string { return t.Format("2006-01-02 15:04 MST") },
		"minutes": func(d time.Duration) string { return fmt.Sprintf("%.0f minutes", d.Minutes()) },
		"div":     func(a float64, b int) float64 { return a / float64(b) },
		"mul":     func(a, b float64) float64 { return a * b },
	}).Parse(pageText)
	if err != nil {
		return err
	}
	return t.Execute(w, r)
}

const none = "–"

// number writes a value with so many decimals.
func number(v float64, decimals int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return none
	}
	if v != 0 && math.Abs(v) < 0.5*math.Pow(10, float64(-decimals)) {
		return fmt.Sprintf("%.1e", v)
	}
	return fmt.Sprintf("%.*f", decimals, v)
}

func times(v float64) string {
	if s := number(v, 2); s != none {
		return s + "×"
	}
	return none
}

// brief makes an error fit into a line, a cell of a table among them.
func brief(s string) string {
	s = strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", "\\|")
	if r := []rune(s); len(r) > 300 {
		return string(r[:150]) + " … " + string(r[len(r)-150:])
	}
	return s
}

// giga writes operations a second in GFLOP/s.
func giga(v float64) string {
	if v == 0 || math.IsNaN(v) {
		return none
	}
	return fmt.Sprintf("%.0f", v/1e9)
}

func percent(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return none
	}
	return fmt.Sprintf("%.*f %%", decimals(v), 100*v)
}

// decimals are more for small shares.
func decimals(v float64) int {
	if math.Abs(v) < 0.1 {
		return 2
	}
	return 1
}

// megabytes writes bytes in MB of 10⁶.
func megabytes(bytes int64) string {
	if bytes == 0 {
		return none
	}
	return fmt.Sprintf("%.0f", float64(bytes)/1e6)
}

func losses(list []float64) string {
	var out []string
	for _, v := range list {
		out = append(out, fmt.Sprintf("%.7f", v))
	}
	if out == nil {
		return none
	}
	return strings.Join(out, ", ")
}

func secondsList(list []float64) string {
	var out []string
	for _, v := range list {
		out = append(out, number(v, 1))
	}
	return strings.Join(out, ", ")
}

// cell is a product in a table: ours / OpenBLAS in GFLOP/s, and ours as a share of the peak.
func cell(p Product, r *Report) string {
	switch {
	case p.Ours == 0:
		return none
	case p.Kind == Float32:
		return fmt.Sprintf("%s / %s (%s)", giga(p.Ours), giga(p.OpenBLAS), percent(p.Share(r)))
	}
	return fmt.Sprintf("%s (%s)", giga(p.Ours), percent(p.Share(r)))
}

// verdictCells are the columns of a verdict: what, measured, aim, met.
func verdictCells(v work.Verdict) string {
	write, sign, met := func(x float64) string { return number(x, 2) + v.Unit }, "at least ", "no"
	switch v.Unit {
	case "%":
		write = percent
	case "":
		write = func(x float64) string { return fmt.Sprintf("%.1e", x) }
	}
	if v.Most {
		sign = "at most "
	}
	aim := sign + write(v.Bound)
	if v.Host != "" {
		aim += " (" + v.Host + ")"
	}
	if !v.Measured() {
		return fmt.Sprintf("| %s | not measured | %s | |", v.What, aim)
	}
	switch {
	case v.Other:
		met = none
	case v.Met():
		met = "yes"
	}
	return fmt.Sprintf("| %s | %s | %s | %s |", v.What, write(v.Value), aim, met)
}
