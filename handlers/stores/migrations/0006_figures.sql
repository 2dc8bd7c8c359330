-- Figures as the API's queries hand them over: counts as numbers, exact decimals as text without
-- trailing zeros, so that no reader can round them. Written as single expressions, which the
-- planner puts in place of the call.

create function serving.ad_figures(
    impressions numeric, clicks numeric, cost numeric, conversions numeric, conversion_value numeric
) returns json language sql stable as $$
    select json_build_object(
        'impressions', impressions::bigint,
        'clicks', clicks::bigint,
        'cost', trim_scale(cost)::text,
        'conversions', trim_scale(conversions)::text,
        'conversion_value', trim_scale(conversion_value)::text
    )
$$;

create function serving.web_figures(
    sessions numeric, engaged_sessions numeric, key_events numeric, revenue numeric
) returns json language sql stable as $$
    select json_build_object(
        'sessions', sessions::bigint,
        'engaged_sessions', engaged_sessions::bigint,
        'key_events', trim_scale(key_events)::text,
        'revenue', trim_scale(revenue)::text
    )
$$;
