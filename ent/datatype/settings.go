package datatype

// Settings are an identity's preferences: an object of at most 16 KiB. The
// key time_zone is an IANA name and decides when a day begins; other keys are
// the client's own.
type Settings map[string]any

// TimeZone is the IANA name of the identity's time zone, UTC by default.
func (s Settings) TimeZone() string {
	if zone, ok := s["time_zone"].(string); ok && zone != "" {
		return zone
	}
	return "UTC"
}
