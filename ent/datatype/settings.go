package datatype

// Settings are an identity's preferences: an object of at most 16 KiB. The key time_zone is an IANA name and determines
// when a day begins. Clients define the other keys.
type Settings map[string]any

// TimeZone returns the IANA name of the identity's time zone, by default UTC.
func (s Settings) TimeZone() string {
	if zone, ok := s["time_zone"].(string); ok && zone != "" {
		return zone
	}
	return "UTC"
}
