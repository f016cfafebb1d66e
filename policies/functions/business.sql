-- One line's amount before tax, rounded to two places, half away from zero.
CREATE FUNCTION app.line_item_amount(line jsonb) RETURNS numeric
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT round((line ->> 'quantity')::numeric * (line ->> 'unit_price')::numeric, 2)
$$;

CREATE FUNCTION app.line_items_subtotal(lines jsonb) RETURNS numeric
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(sum(app.line_item_amount(line)), 0) FROM jsonb_array_elements(lines) AS line
$$;

-- The tax of each line, on its rounded amount, rounded the same way.
CREATE FUNCTION app.line_items_tax(lines jsonb) RETURNS numeric
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(sum(round(app.line_item_amount(line) * (line ->> 'tax_rate')::numeric, 2)), 0)
    FROM jsonb_array_elements(lines) AS line
$$;

-- Reports whether the value is 1 to 200 complete line items and nothing else. The generated totals
-- read the lines before the CHECK runs, so a line that is not a number fails there. The row is
-- refused in either case.
CREATE FUNCTION app.line_items_valid(lines jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN jsonb_typeof(lines) = 'array' THEN
        jsonb_array_length(lines) BETWEEN 1 AND 200
        AND NOT EXISTS (
            SELECT FROM jsonb_array_elements(lines) AS line
            WHERE NOT coalesce(
                jsonb_typeof(line) = 'object'
                AND line - ARRAY['description', 'quantity', 'unit_price', 'tax_rate'] = '{}'
                AND char_length(line ->> 'description') BETWEEN 1 AND 500
                AND (line ->> 'quantity')::numeric > 0
                AND (line ->> 'unit_price')::numeric IS NOT NULL
                AND (line ->> 'tax_rate')::numeric BETWEEN 0 AND 1, false)
        )
    ELSE false END
$$;
