-- The rules of expectations/feedback.yaml as one engineer would write them over a landed batch, in one statement.
-- Grain: a broken row, with its rules in the suite's order.  $batch: the Parquet file; $pull_horizon: a day
-- after it landed; read_csv: the declared surveys.
copy (
    with surveys as (
        select
            survey_id,
            metric,
            any_value(scale_min) as declared_min,
            any_value(scale_max) as declared_max,
            any_value(direction) as declared_direction
        from read_csv($surveys, header = true, all_varchar = true)
        group by survey_id, metric
    ),

    default_scales as (
        select *
        from (
            values
            ('nps', 0, 10), ('csat', 1, 5), ('rating', 1, 5), ('ces', 1, 7), ('useful', 1, 5), ('usable', 1, 5),
            ('enjoyable', 1, 5)
        ) as given (metric, usual_min, usual_max)
    ),

    answers as (
        select
            landed.*,
            coalesce(landed.scale_min, surveys.declared_min::double, default_scales.usual_min) as low,
            coalesce(landed.scale_max, surveys.declared_max::double, default_scales.usual_max) as high,
            coalesce(landed.scale_direction, surveys.declared_direction) as direction,
            case when contains(date_only, 'invited_at') then interval 12 hours else interval 0 hours end as invited_half,
            case when contains(date_only, 'responded_at') then interval 12 hours else interval 0 hours end as responded_half,
            case when contains(date_only, 'updated_at') then interval 12 hours else interval 0 hours end as updated_half
        from read_parquet($batch) as landed
        left join surveys on landed.survey_id = surveys.survey_id and landed.metric = surveys.metric
        left join default_scales on landed.metric = default_scales.metric
    ),

    judged as (
        select
            position,
            response_id as row_key,
            list_filter([
                case when response_id is null then 'response_id_present' end,
                case when metric is null and is_deleted is distinct from true then 'metric_present' end,
                case when metric not in (
                    'nps', 'csat', 'ces', 'rating', 'useful', 'usable', 'enjoyable', 'comment', 'idea'
                ) then 'metric_known' end,
                case when scale_direction not in ('higher_is_better', 'lower_is_better') then 'scale_direction_known' end,
                case when respondent_type not in ('customer', 'employee') then 'respondent_type_known' end,
                case when channel not in (
                    'web', 'app', 'email', 'chat', 'phone', 'sms', 'social', 'store', 'bot', 'community', 'other'
                ) then 'channel_known' end,
                case when journey_stage not in (
                    'awareness', 'consideration', 'purchase', 'onboarding', 'use', 'support', 'renewal', 'advocacy',
                    'other'
                ) then 'journey_stage_known' end,
                case when delivery_status not in ('delivered', 'bounced', 'blocked') then 'delivery_status_known' end,
                case when not regexp_matches(language, '^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$') then
                    'language_well_formed' end,
                case when not isfinite(score) then 'score_finite' end,
                case when not isfinite(scale_min) then 'scale_min_finite' end,
                case when not isfinite(scale_max) then 'scale_max_finite' end,
                case when not isfinite(weight) then 'weight_finite' end,
                case when weight <= 0 then 'weight_positive' end,
                case when invited_at + invited_half < timestamptz '1990-01-01 00:00:00+00' then
                    'invited_at_not_before_1990' end,
                case when invited_at - invited_half > $pull_horizon then 'invited_at_not_in_future' end,
                case when responded_at + responded_half < timestamptz '1990-01-01 00:00:00+00' then
                    'responded_at_not_before_1990' end,
                case when responded_at - responded_half > $pull_horizon then 'responded_at_not_in_future' end,
                case when updated_at + updated_half < timestamptz '1990-01-01 00:00:00+00' then
                    'updated_at_not_before_1990' end,
                case when updated_at - updated_half > $pull_horizon then 'updated_at_not_in_future' end,
                case when score < low or score > high then 'score_within_scale' end,
                case when low >= high then 'scale_ends_ordered' end,
                case when metric = 'nps' and low = 0 and high = 10 and score <> floor(score) then 'nps_score_whole' end,
                case when metric = 'ces' and direction is null then 'ces_direction_declared' end,
                case when metric in ('comment', 'idea') and score is not null then 'score_absent_without_scale' end,
                case when (score is not null or comment is not null) and responded_at is null then
                    'answer_has_time' end,
                case when responded_at + responded_half < invited_at - invited_half then
                    'responded_not_before_invited' end,
                case when greatest(
                    strlen(response_id), strlen(submission_id), strlen(survey_id), strlen(question_id),
                    strlen(metric), strlen(scale_direction), strlen(comment), strlen(language), strlen(customer_key),
                    strlen(respondent_type), strlen(ticket_id), strlen(transaction_id), strlen(agent_key),
                    strlen(team), strlen(product), strlen(channel), strlen(touchpoint), strlen(journey_stage),
                    strlen(delivery_status), strlen(brand)
                ) > 65536 then 'text_within_64_kib' end
            ], lambda rule: rule is not null) as rules
        from answers
    )

    select position, row_key, array_to_string(rules, ',') as rules
    from judged
    where len(rules) > 0
) to $target (format parquet, compression zstd)
