package config

// Record returns the options by key, as a record of a run keeps them.
func Record(options any) map[string]any {
	out := map[string]any{}
	for _, f := range fields(options) {
		if kind(f.v) == "duration" {
			out[f.key] = f.text()
			continue
		}
		out[f.key] = f.v.Interface()
	}
	return out
}
