-- A survey is relational or transactional, whatever it asks.
select survey_id
from {{ ref('surveys') }}
group by survey_id
having count(distinct survey_type) > 1
