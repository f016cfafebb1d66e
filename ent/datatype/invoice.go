package datatype

// LineItem is one line of an invoice. The database computes its amounts: round(quantity × unit_price, 2), and the tax
// on that amount. Each line is rounded separately, half away from zero.
type LineItem struct {
	Description string  `json:"description" jsonschema:"minLength=1,maxLength=500" jsonschema_description:"Description of the goods or service."`
	Quantity    Decimal `json:"quantity" jsonschema:"pattern=^([1-9][0-9]{0\\,8}(\\.[0-9]{1\\,4})?|0\\.([1-9][0-9]{0\\,3}|0[1-9][0-9]{0\\,2}|00[1-9][0-9]?|000[1-9]))$" jsonschema_description:"Quantity. Greater than 0, with at most four decimal places."`
	UnitPrice   Decimal `json:"unit_price" jsonschema:"pattern=^-?(0|[1-9][0-9]{0\\,9})(\\.[0-9]{1\\,4})?$" jsonschema_description:"Price of one unit, with at most four decimal places. Negative for a discount."`
	TaxRate     Decimal `json:"tax_rate" jsonschema:"pattern=^(0(\\.[0-9]{1\\,4})?|1(\\.0{1\\,4})?)$" jsonschema_description:"Tax rate as a fraction from 0 to 1."`
}
